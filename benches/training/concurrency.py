"""asyncio, threads with locks and queues, context variables."""
import asyncio
import concurrent.futures
import contextvars
import queue
import threading

REQUEST = contextvars.ContextVar("request", default=None)


async def leaf(n):
    await asyncio.sleep(0)
    REQUEST.set(n)
    return n


async def branch(depth):
    if depth == 0:
        return await leaf(depth)
    return sum(await asyncio.gather(*[branch(depth - 1) for _ in range(3)]))


async def produce(items):
    for n in range(100):
        await items.put(n)
    await items.put(None)


async def consume(items):
    total = 0
    while (item := await items.get()) is not None:
        total += item
    return total


async def numbers():
    for n in range(50):
        yield n


class Guard:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return False


async def program():
    await branch(3)
    items = asyncio.Queue(maxsize=5)
    async with asyncio.TaskGroup() as group:
        group.create_task(produce(items))
        group.create_task(consume(items))
    async with Guard(), asyncio.timeout(5):
        [n async for n in numbers()]
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(20):
            writer.write(b"message\n")
            await writer.drain()
            await reader.readline()
        writer.close()
        await writer.wait_closed()


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


def event_loop():
    asyncio.run(program())


def threads():
    lock, total, items = threading.Lock(), [0], queue.Queue()

    def add():
        for _ in range(100):
            with lock:
                total[0] += 1
            items.put(1)

    workers = [threading.Thread(target=add) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while not items.empty():
        items.get()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(len, ["a", "bc"] * 20))
    contextvars.copy_context().run(REQUEST.get)


PARTS = [event_loop, threads]
