"""`_ssl`: contexts, handshakes over memory buffers and sockets, certificates, sessions, errors."""
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest


def make_certificate(folder):
    """A key and a certificate for localhost, made by the openssl program; None without it."""
    path = os.path.join(folder, "cert.pem")
    key = os.path.join(folder, "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/C=XY/CN=localhost",
               "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", path]
    try:
        done = subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        return None
    return (path, key) if done.returncode == 0 else None


class Pair:
    """Two ends of a connection over memory buffers."""

    def __init__(self, client_context, server_context, host="localhost", session=None):
        self.to_server, self.to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client_context.wrap_bio(self.to_client, self.to_server, server_hostname=host, session=session)
        self.server = server_context.wrap_bio(self.to_server, self.to_client, server_side=True)

    def shake(self):
        waiting = [self.client, self.server]
        while waiting:
            for end in list(waiting):
                try:
                    end.do_handshake()
                    waiting.remove(end)
                except ssl.SSLWantReadError:
                    pass
        return self


class SettingsTest(unittest.TestCase):
    def test_name_check_needs_a_name(self):
        context = ssl.create_default_context()
        for host in (None, ""):
            with self.assertRaisesRegex(ValueError, "check_hostname requires server_hostname"):
                context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=host)
        with self.assertRaisesRegex(ValueError, "only be specified in client mode"):
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True, server_hostname="example.org")

    def test_contexts(self):
        client = ssl.create_default_context()
        self.assertTrue(client.check_hostname)
        self.assertEqual(client.verify_mode, ssl.CERT_REQUIRED)
        with self.assertRaises(ValueError):
            client.verify_mode = ssl.CERT_NONE
        client.minimum_version = ssl.TLSVersion.TLSv1_2
        self.assertEqual(client.minimum_version, ssl.TLSVersion.TLSv1_2)
        self.assertIn("TLS_AES_256_GCM_SHA384", [cipher["name"] for cipher in client.get_ciphers()])
        with self.assertRaises(ssl.SSLError):
            client.set_ciphers("no such cipher")
        with self.assertRaises(TypeError):
            client.load_verify_locations()
        with self.assertRaises(FileNotFoundError):
            client.load_cert_chain("/no/such/file")
        with self.assertRaises(ValueError):
            ssl.SSLContext(99)

    def test_buffers(self):
        bio = ssl.MemoryBIO()
        self.assertEqual((bio.write(b"abc"), bio.pending, bio.read(2), bio.read(), bio.eof), (3, 3, b"ab", b"c", False))
        bio.write_eof()
        self.assertTrue(bio.eof)
        with self.assertRaises(ssl.SSLError):
            bio.write(b"x")

    def test_tools(self):
        self.assertEqual(ssl._ASN1Object("1.3.6.1.5.5.7.3.1").shortname, "serverAuth")
        self.assertEqual(len(ssl.RAND_bytes(7)), 7)
        self.assertTrue(ssl.RAND_status())
        self.assertTrue(ssl.OPENSSL_VERSION.startswith("OpenSSL 3"))
        self.assertEqual(str(ssl.SSLError(1, "text")), "text")

    def test_garbage(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        end = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            end.do_handshake()
        incoming.write(b"this is not the protocol")
        with self.assertRaises(ssl.SSLError) as caught:
            end.do_handshake()
        self.assertEqual((caught.exception.library, caught.exception.reason), ("SSL", "WRONG_VERSION_NUMBER"))


class ConnectionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        files = make_certificate(cls.folder.name)
        if files is None:
            raise unittest.SkipTest("no openssl program")
        cls.path, cls.key = files

    def contexts(self):
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.path, self.key)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(self.path)
        return client, server

    def test_buffers(self):
        client, server = self.contexts()
        server.set_alpn_protocols(["h2", "http/1.1"])
        client.set_alpn_protocols(["http/1.1"])
        pair = Pair(client, server).shake()
        self.assertEqual(pair.client.version(), "TLSv1.3")
        self.assertEqual(pair.client.cipher(), pair.server.cipher())
        self.assertEqual(pair.server.selected_alpn_protocol(), "http/1.1")
        certificate = pair.client.getpeercert()
        self.assertEqual(certificate["subject"], ((("countryName", "XY"),), (("commonName", "localhost"),)))
        self.assertEqual(certificate["subjectAltName"], (("DNS", "localhost"), ("IP Address", "127.0.0.1")))
        with open(self.path) as file:
            self.assertEqual(ssl.PEM_cert_to_DER_cert(file.read()), pair.client.getpeercert(True))
        self.assertIsNone(pair.server.getpeercert())
        pair.client.write(b"hello")
        self.assertEqual(pair.server.read(2), b"he")
        self.assertEqual(pair.server.pending(), 3)
        room = bytearray(8)
        self.assertEqual(pair.server.read(8, room), 3)
        self.assertEqual(room, b"llo\0\0\0\0\0")
        with self.assertRaises(ssl.SSLWantReadError):
            pair.client.unwrap()
        self.assertEqual(pair.server.read(), b"")

    def test_sessions(self):
        client, server = self.contexts()
        pair = Pair(client, server).shake()
        pair.server.write(b"x")
        pair.client.read(1)
        session = pair.client.session
        self.assertTrue(session.has_ticket)
        again = Pair(client, server, session=session).shake()
        self.assertTrue(again.client.session_reused)

    def test_refused_names(self):
        client, server = self.contexts()
        with self.assertRaises(ssl.SSLCertVerificationError) as caught:
            Pair(client, server, "example.org").shake()
        self.assertEqual(caught.exception.verify_code, 62)
        self.assertIn("Hostname mismatch", caught.exception.verify_message)
        with self.assertRaises(ssl.SSLCertVerificationError):
            Pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), server).shake()

    def test_callbacks(self):
        client, server = self.contexts()
        names = []
        server.sni_callback = lambda end, name, context: names.append((name, context is server))
        seen = []
        client._msg_callback = lambda end, direction, *rest: seen.append(direction)
        Pair(client, server).shake()
        self.assertEqual(names, [("localhost", True)])
        self.assertEqual(set(seen), {"read", "write"})
        log = os.path.join(self.folder.name, "keys.log")
        client.keylog_filename = log
        Pair(client, server).shake()
        with open(log) as file:
            self.assertIn("SERVER_TRAFFIC_SECRET_0", file.read())

    def test_sockets(self):
        client, server = self.contexts()
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            plain, _ = listener.accept()
            with server.wrap_socket(plain, server_side=True) as end:
                # One thread reads while another one writes.
                writer = threading.Thread(target=end.sendall, args=(b"y" * 100_000,))
                writer.start()
                data = b""
                while len(data) < 100_000:
                    data += end.recv(65536)
                writer.join()
                self.assertEqual(data, b"x" * 100_000)

        thread = threading.Thread(target=serve)
        thread.start()
        with listener, socket.create_connection(listener.getsockname()) as plain:
            with client.wrap_socket(plain, server_hostname="127.0.0.1") as end:
                end.settimeout(20)
                end.sendall(b"x" * 100_000)
                data = b""
                while len(data) < 100_000:
                    data += end.recv(65536)
                self.assertEqual(data, b"y" * 100_000)
                thread.join()


if __name__ == "__main__":
    unittest.main()
