"""_asyncio: futures and tasks beside each other in several threads."""
import asyncio
import gc
import sys
import threading
import unittest
import weakref


class TaskTest(unittest.TestCase):
    def test_group_and_timeout(self):
        async def main():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(asyncio.sleep(0, i)) for i in range(10)]
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(30)
            return [task.result() for task in tasks]

        self.assertEqual(asyncio.run(main()), list(range(10)))

    def test_echo(self):
        async def serve(reader, writer):
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
            writer.close()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
            return answer

        self.assertEqual(asyncio.run(main()), b"HELLO\n")

    def test_subprocess(self):
        async def main():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print(input()[::-1])",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate(b"abc\n")
            return out, process.returncode

        self.assertEqual(asyncio.run(main()), (b"cba\n", 0))

    def test_all_tasks_of_other_threads(self):
        loops, ready, stop = [], threading.Barrier(5), threading.Event()

        async def main():
            loops.append(asyncio.get_running_loop())
            tasks = [asyncio.create_task(asyncio.sleep(30)) for _ in range(20)]
            await asyncio.sleep(0)
            ready.wait()
            await asyncio.to_thread(stop.wait)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        ready.wait()
        counts = [len(asyncio.all_tasks(loop)) for loop in loops]
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(counts, [21] * 4)
        self.assertEqual([len(asyncio.all_tasks(loop)) for loop in loops], [0] * 4)

    def test_tasks_are_freed(self):
        async def main():
            task = asyncio.create_task(asyncio.sleep(0))
            seen = weakref.ref(task)
            await task
            await asyncio.sleep(0)
            del task
            gc.collect()
            return seen()

        self.assertIsNone(asyncio.run(main()))


if __name__ == "__main__":
    unittest.main()
