#!/usr/bin/python3
"""Scripted USB sticks for an unmodified libusb program, by umockdev; and a pool whose only job is the genesis block.

    umockdev-wrapper /usr/bin/python3 virtual_sticks.py --stick compac-f[,fault=value...] [--pool] -- PROGRAM ARGS

Each stick is a bridge (its control requests and packets) with chips behind it that answer as far as a driver looks:
they are counted, and to each job that is the genesis block's header they answer with its nonce, which the driver, the
firmware and the pool check by hashing. `POOL` in the arguments becomes the pool's address. What happened goes to the
standard error, one line each, beginning with "virtual:".

Faults: stall=N every Nth write stalls once; refuse=R control request R stalls always; short=1 writes are taken in
pieces and answers come byte by byte; garbage=1 noise before each answer; silent=1 chips say nothing; driver=NAME a
kernel driver holds it; remove=S unplugged after S seconds; back=S plugged in again after S seconds.
"""
import collections, ctypes, hashlib, json, os, signal, socket, struct, subprocess, sys, threading, time
import gi
gi.require_version('UMockdev', '1.0')
gi.require_version('GLib', '2.0')
from gi.repository import GLib, UMockdev


def ioc(direction, number, size):
    return (direction << 30) | (size << 16) | (ord('U') << 8) | number


URB = 56
SUBMIT, DISCARD, REAP, REAP_NOW = ioc(2, 10, URB), ioc(0, 11, 0), ioc(1, 12, 8), ioc(1, 13, 8)
CLAIM, RELEASE, GET_DRIVER = ioc(2, 15, 4), ioc(2, 16, 4), ioc(1, 8, 260)
CAPABILITIES = (ioc(2, 26, 4), ioc(1, 26, 4))
SET_INTERFACE, SET_CONFIGURATION, DISCONNECT_CLAIM = ioc(2, 4, 8), ioc(2, 5, 4), ioc(2, 27, 264)
SPEED, RESET, CLEAR_HALT, DRIVER_IOCTL = ioc(0, 31, 0), ioc(0, 20, 0), ioc(2, 21, 4), ioc(3, 18, 16)
EAGAIN, ENODATA, ENOTTY, EPIPE, EINVAL, ENOENT, ENODEV, ESHUTDOWN = 11, 61, 25, 32, 22, 2, 19, 108

GENESIS = bytes.fromhex(
    '01000000' + '00' * 32 + '3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a'
    '29ab5f49ffff001d1dac2b7c')
NONCE = GENESIS[76:80]


def say(*words):
    print('virtual:', *words, file=sys.stderr, flush=True)


def crc5(data, bits):
    c = 0x1f
    for i in range(bits):
        top = (c >> 4) ^ (data[i // 8] >> (7 - i % 8) & 1)
        c = (c << 1 & 0x1f) ^ (5 if top else 0)
    return c


def closing(body, kind):
    return bytes([kind << 5 | crc5(body + bytes([kind << 5]), 8 * len(body) + 3)])


class Chips:
    """What stands behind the bridge. `family` as Bitmain numbers them, or 'icarus'."""
    def __init__(self, family, count):
        self.family, self.count, self.buffer = family, count, b''

    def feed(self, data):
        self.buffer += data
        answers = b''
        while True:
            frame = self.frame()
            if frame is None:
                return answers
            answers += self.answer(frame)

    def frame(self):
        b = self.buffer
        if self.family == 'icarus':
            size = 64
        elif self.family == 1384:
            if len(b) < 4:
                return None
            size = 4 if b[3] == crc5(b, 27) and b[0] in (1, 2, 4, 0x82, 0x84, 0x85) else 64
        elif self.family == 1387:
            if len(b) < 2:
                return None
            size = b[1]
        else:
            while len(b) > 1 and b[:2] != b'\x55\xaa':
                b = b[1:]
            self.buffer = b
            if len(b) < 4:
                return None
            size = 88 if b[2] == 0x21 and self.family != 1397 else b[3] + 2
        if size < 4 or len(b) < size:
            return None
        self.buffer = b[size:]
        return b[:size]

    def identity(self):
        body = struct.pack('>H', {1384: 0x1384, 1387: 0x1387, 1397: 0x1397, 1362: 0x1362, 1370: 0x1370}[self.family])
        if self.family == 1384:
            body += b'\0\0'
        elif self.family == 1387:
            body += b'\x90\0\0\0'
        else:
            body += {1397: b'\x18\0', 1362: b'\3\0', 1370: b'\0\0'}[self.family] + b'\0\0'
            if self.family != 1397:
                body += b'\0\0'
        return (b'' if self.family < 1397 and self.family != 1362 and self.family != 1370 else b'\xaa\x55') + body + closing(body, 0)

    def answer(self, f):
        if self.family == 'icarus':
            if f[52:64] == bytes.fromhex('87320b1a1426674f2fa722ce'):
                return bytes.fromhex('000187a2')
            return NONCE if self.is_genesis(f[60:64], f[56:60], f[52:56]) else b''
        if self.family == 1384:
            if len(f) == 4:
                return self.identity() * self.count if f[0] == 0x84 and f[2] == 0 else b''
            return NONCE + bytes([0x80 | f[51]]) if self.is_genesis(f[60:64], f[56:60], f[52:56]) else b''
        pre = 0 if self.family == 1387 else 2
        g = f[pre:]
        if g[0] in (0x52, 0x54):
            return self.identity() * self.count if g[3] == 0 else b''
        if g[0] != 0x21:
            return b''
        if self.family in (1387, 1397):
            if not self.is_genesis(g[16:20], g[12:16], g[8:12]):
                return b''
            body = NONCE + bytes([0, g[2]])
        else:
            words = lambda d: b''.join(d[i:i + 4] for i in range(28, -1, -4))
            header = g[80:84] + words(g[48:80]) + words(g[16:48]) + g[12:16] + g[8:12]
            if header != GENESIS[:76]:
                return b''
            job = g[2] << 1 & 0xf0 if self.family == 1370 else g[2] & 0xf8
            body = NONCE + bytes([0, job, 0, 0])
        return (b'\xaa\x55' if pre else b'') + body + closing(body, 4)

    @staticmethod
    def is_genesis(merkle, time_, bits):
        return merkle + time_ + bits == GENESIS[64:76]


KINDS = {
    # VID, PID, manufacturer, product, bridge, family, chips
    'compac-f': (0x0403, 0x6015, 'GekkoScience', 'CompacF Bitcoin Miner', 'ftdi', 1397, 1),
    'newpac': (0x0403, 0x6015, 'GekkoScience', 'NewPac Bitcoin Miner', 'ftdi', 1387, 2),
    'compac': (0x10c4, 0xea60, 'GekkoScience', 'Compac BM1384 Bitcoin Miner', 'cp210x', 1384, 1),
    'compac-a1': (0x10c4, 0xea70, 'Silicon Labs', 'GekkoScience Compac A1', 'cp2105', 1362, 1),
    'compac-a2': (0x10c4, 0xea70, 'Silicon Labs', 'GekkoScience Compac A2', 'cp2105', 1370, 1),
    'block-erupter': (0x10c4, 0xea60, 'Silicon Labs', 'CP2102 USB to UART Bridge Controller', 'cp210x', 'icarus', 1),
    'icarus': (0x067b, 0x2303, 'Prolific', 'USB-Serial Controller', 'pl2303', 'icarus', 1),
    'bitforce-lancelot': (0x0403, 0x6001, 'FTDI', 'FT232R USB UART', 'ftdi', 'icarus', 1),
    'bitaxe-raw': (0xc0de, 0xcafe, 'OSMU', 'Bitaxe', 'cdc2', 1370, 1),
    'cable': (0x0403, 0x6015, 'FTDI', 'FT230X Basic UART', 'ftdi', 'icarus', 0),
}
# Interface numbers with their bulk endpoints (in, out), and the one that the chips hang on.
PORTS = {
    'ftdi': ([(0, 0x81, 0x02)], 0), 'cp210x': ([(0, 0x81, 0x01)], 0), 'pl2303': ([(0, 0x83, 0x02)], 0),
    'cp2105': ([(0, 0x81, 0x01), (1, 0x82, 0x02)], 0),
    'cdc2': ([(0, None, None), (1, 0x81, 0x01), (2, None, None), (3, 0x82, 0x02)], 3),
}


class Stick(UMockdev.IoctlBase):
    def __init__(self, kind, faults, number):
        super().__init__()
        self.kind, self.faults, self.number = kind, faults, number
        (self.vid, self.pid, self.maker, self.product, self.bridge, family, count) = KINDS[kind]
        self.chips = Chips(family, count)
        self.strings = [None, self.maker, self.product, '1000%04d' % number]
        ports, data = PORTS[self.bridge]
        self.data_in, self.data_out = next((i, o) for n, i, o in ports if n == data)
        self.done, self.waiting, self.out = collections.deque(), [], bytearray()
        self.gone, self.writes, self.baud, self.halted, self.aside = False, 0, 9600, set(), bytearray()
        self.device = struct.pack('<BBHBBBBHHHBBBB', 18, 1, 0x0200, 0, 0, 0, 64, self.vid, self.pid, 0x1000, 1, 2, 3, 1)
        body = b''
        for n, i, o in ports:
            eps = [e for e in (i, o) if e is not None]
            body += struct.pack('<BBBBBBBBB', 9, 4, n, 0, len(eps), 10 if eps else 2, 0, 0, 0)
            for e in eps:
                body += struct.pack('<BBBBHB', 7, 5, e, 2, 64, 0)
        self.configuration = struct.pack('<BBHBBBBB', 9, 2, 9 + len(body), len(ports), 1, 0, 0x80, 45) + body

    # The bridge's control requests; None stalls.
    def control(self, setup, data):
        kind, request, value, index, length = setup
        if kind == 0x80 and request == 6:
            what, which = value >> 8, value & 255
            if what == 1:
                return self.device
            if what == 2:
                return self.configuration
            if what == 3 and which == 0:
                return b'\x04\x03\x09\x04'
            if what == 3 and which < len(self.strings):
                text = self.strings[which].encode('utf-16le')
                return bytes([len(text) + 2, 3]) + text
            return None
        if kind & 0x60 == 0:
            return b''
        say(self.kind, 'control %02x %02x %04x %04x' % (kind, request, value, index), data.hex())
        if self.faults.get('refuse') == str(request):
            return None
        if self.bridge == 'ftdi' and kind == 0x40:
            if request == 3:
                self.speed(round(24_000_000 / (8 * (value & 0x3fff) or 8)))
            if request == 0 and value == 1:
                self.out.clear()
            return b''
        if self.bridge in ('cp210x', 'cp2105') and kind == 0x41:
            if request == 0x1e:
                self.speed(struct.unpack('<I', data)[0])
            return b''
        if self.bridge in ('pl2303', 'cdc2') and (kind == 0x21 or self.bridge == 'pl2303' and kind == 0x40):
            if request == 0x20:
                self.speed(struct.unpack('<I', data[:4])[0])
            return b''
        return None

    def speed(self, baud):
        self.baud = baud
        say(self.kind, 'baud', baud)

    def feed(self, endpoint, data):
        if endpoint != self.data_out:
            say(self.kind, 'aside', data.hex())
            # A controller of generation 2.1: 12 V, 0.6 A, 45 degrees, 3,000 rpm.
            if self.bridge == 'cp2105':
                self.aside += {b'?v': b'\x21', b'G.': bytes([125, 24, 75, 0, 118, 0, 100])}.get(data, b'')
            return
        answers = self.chips.feed(data)
        if 'silent' in self.faults:
            return
        if answers and 'garbage' in self.faults:
            self.out += b'\xff\xaa\x00\x55\xaa\x55' if self.chips.family != 'icarus' else b''
        self.out += answers

    def pump(self):
        for urb in [u for u in self.waiting if u[1] != self.data_in and self.aside]:
            ud, _, buf, length = urb
            self.waiting.remove(urb)
            buf.update(0, list(self.aside[:length]))
            self.finish(ud, 0, len(self.aside[:length]))
            del self.aside[:length]
        packet = 3 if 'short' in self.faults else 64
        for urb in list(self.waiting):
            if not self.out:
                return
            ud, endpoint, buf, length = urb
            if endpoint != self.data_in or endpoint in self.halted:
                continue
            self.waiting.remove(urb)
            answer = b''
            head = b'\x01\x60' if self.bridge == 'ftdi' else b''
            while self.out and len(answer) + packet <= length:
                room = packet - len(head)
                answer += head + bytes(self.out[:room])
                full = len(self.out) >= room
                del self.out[:room]
                if not full or packet < 64:
                    break
            buf.update(0, list(answer))
            self.finish(ud, 0, len(answer))

    def finish(self, ud, status, count):
        ud.update(28, list(struct.pack('<i', count)))
        ud.update(4, list(struct.pack('<i', status)))
        self.done.append(ud)

    def remove(self):
        self.gone = True
        for ud, _, _, _ in self.waiting:
            self.finish(ud, -ESHUTDOWN, 0)
        self.waiting.clear()

    def do_handle_ioctl(self, client):
        try:
            return self.handle(client)
        except Exception:
            import traceback
            traceback.print_exc()
            client.complete(-1, EINVAL)
            return True

    def handle(self, c):
        request, arg = c.get_request() & 0xffffffff, c.get_arg()
        if request in (REAP, REAP_NOW):
            if not self.done:
                # The node always seems ready; without a pause the program would only ask.
                time.sleep(0.0005)
                c.complete(-1, ENODEV if self.gone else EAGAIN)
                return True
            arg.resolve(0, 8).set_ptr(0, self.done.popleft())
            c.complete(0, 0)
        elif self.gone:
            c.complete(-1, ENODEV)
        elif request == CLEAR_HALT:
            self.halted.clear()
            say(self.kind, 'halt cleared')
            c.complete(0, 0)
        elif request in (CLAIM, RELEASE, SET_INTERFACE, SET_CONFIGURATION, DISCONNECT_CLAIM, RESET):
            if request == RESET:
                say(self.kind, 'reset')
            if request == DISCONNECT_CLAIM:
                say(self.kind, 'claimed')
            c.complete(0, 0)
        elif request == GET_DRIVER:
            name = self.faults.get('driver')
            if name:
                data = arg.resolve(0, 260)
                data.update(4, list(name.encode() + b'\0'))
                c.complete(0, 0)
            else:
                c.complete(-1, ENODATA)
        elif request in CAPABILITIES:
            arg.resolve(0, 4).update(0, list(struct.pack('<I', 1 | 4 | 8)))
            c.complete(0, 0)
        elif request == SPEED:
            c.complete(2, 0)
        elif request == SUBMIT:
            self.submit(arg)
            c.complete(0, 0)
        elif request == DISCARD:
            # All of them: which one is asked for only libusb's bookkeeping knows, and the program takes back all. One
            # at a time may give back another than was asked for, and leave one that libusb does not ask for again.
            if self.waiting:
                for ud, _, _, _ in self.waiting:
                    self.finish(ud, -ENOENT, 0)
                self.waiting.clear()
                c.complete(0, 0)
            else:
                c.complete(-1, EINVAL)
        else:
            c.complete(-1, ENOTTY)
        return True

    def submit(self, arg):
        ud = arg.resolve(0, URB)
        kind, endpoint, _, _, _, length, _ = struct.unpack_from('<BBxxiIxxxxQii', bytes(ud.retrieve()))
        buf = ud.resolve(16, length) if length else None
        if kind == 2:
            raw = bytes(buf.retrieve())
            setup = struct.unpack('<BBHHH', raw[:8])
            answer = self.control(setup, raw[8:])
            if answer is None:
                return self.finish(ud, -EPIPE, 0)
            if setup[0] & 0x80:
                answer = answer[:length - 8]
                if answer:
                    buf.update(8, list(answer))
                return self.finish(ud, 0, len(answer))
            return self.finish(ud, 0, length - 8)
        if endpoint & 0x80:
            self.waiting.append((ud, endpoint, buf, length))
            return self.pump()
        data = bytes(buf.retrieve())
        self.writes += 1
        every = int(self.faults.get('stall', 0))
        if every and self.writes % every == 0:
            say(self.kind, 'stalls')
            return self.finish(ud, -EPIPE, 0)
        if 'short' in self.faults and len(data) > 1:
            data = data[:(len(data) + 1) // 2]
        self.feed(endpoint, data)
        self.finish(ud, 0, len(data))
        self.pump()


class Bus:
    def __init__(self):
        self.testbed = UMockdev.Testbed.new()
        self.sticks, self.next_address = {}, 2
        self.testbed.add_device(
            'usb', 'usb1', None,
            ['busnum', '1', 'devnum', '1', 'speed', '480', 'bConfigurationValue', '1', 'idVendor', '1d6b', 'idProduct', '0002'],
            ['DEVTYPE', 'usb_device', 'DEVNAME', '/dev/bus/usb/001/001', 'BUSNUM', '001', 'DEVNUM', '001'])
        hub = struct.pack('<BBHBBBBHHHBBBB', 18, 1, 0x0200, 9, 0, 1, 64, 0x1d6b, 2, 0x0601, 0, 0, 0, 1)
        hub += struct.pack('<BBHBBBBB', 9, 2, 25, 1, 1, 0, 0xe0, 0) + struct.pack('<BBBBBBBBB', 9, 4, 0, 0, 1, 9, 0, 0, 0)
        hub += struct.pack('<BBBBHB', 7, 5, 0x81, 3, 4, 12)
        self.testbed.set_attribute_binary('/sys/devices/usb1', 'descriptors', list(hub))
        self.node(1, hub)

    def node(self, address, data):
        folder = os.path.join(self.testbed.get_root_dir(), 'dev/bus/usb/001')
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, '%03d' % address), 'wb') as f:
            f.write(data)

    def plug(self, port, kind, faults, announce):
        address, self.next_address = self.next_address, self.next_address + 1
        stick = Stick(kind, faults, port)
        node = '/dev/bus/usb/001/%03d' % address
        path = self.testbed.add_device(
            'usb', '1-%d' % port, '/sys/devices/usb1',
            ['busnum', '1', 'devnum', str(address), 'speed', '12', 'bConfigurationValue', '1',
             'idVendor', '%04x' % stick.vid, 'idProduct', '%04x' % stick.pid, 'manufacturer', stick.maker,
             'product', stick.product, 'serial', stick.strings[3]],
            ['DEVTYPE', 'usb_device', 'DEVNAME', node, 'BUSNUM', '001', 'DEVNUM', '%03d' % address,
             'PRODUCT', '%x/%x/1000' % (stick.vid, stick.pid), 'TYPE', '0/0/0'])
        self.testbed.set_attribute_binary(path, 'descriptors', list(stick.device + stick.configuration))
        self.node(address, stick.device + stick.configuration)
        self.testbed.attach_ioctl(node, stick)
        self.sticks[port] = (stick, path, node)
        if announce:
            say(kind, 'plugged in')
            self.testbed.uevent(path, 'add')

    def unplug(self, port):
        stick, path, node = self.sticks[port]
        say(stick.kind, 'unplugged')
        stick.remove()
        self.testbed.uevent(path, 'remove')
        self.testbed.remove_device(path)
        try:
            os.unlink(self.testbed.get_root_dir() + node)
        except OSError:
            pass


class Pool:
    """Stratum V1 whose coinbase is the genesis block's when extranonce2 is zero; checks each share by hashing."""
    COINBASE = bytes.fromhex(
        '01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054'
        '696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420'
        '666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61'
        'deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000')

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stop = threading.Event()
        try:
            for line in connection.makefile('rb'):
                self.answer(connection, json.loads(line), stop)
        except (OSError, ValueError):
            pass
        stop.set()

    def send(self, connection, message):
        connection.sendall(json.dumps(message).encode() + b'\n')

    def answer(self, connection, message, stop):
        method, reply = message.get('method'), True
        if method == 'mining.configure':
            reply = {'version-rolling': False}
        elif method == 'mining.subscribe':
            reply = [[['mining.notify', '1']], '00', 4]
        elif method == 'mining.submit':
            reply = self.judge(message['params'])
        self.send(connection, {'id': message.get('id'), 'result': reply, 'error': None if reply else [23, 'wrong', None]})
        if method == 'mining.authorize':
            difficulty = self.target(message['params'][0])[1]
            self.send(connection, {'id': None, 'method': 'mining.set_difficulty', 'params': [difficulty]})
            threading.Thread(target=self.notify, args=(connection, stop), daemon=True).start()

    def notify(self, connection, stop):
        job = 0
        while not stop.is_set():
            job += 1
            c = self.COINBASE
            # Bytes 5 to 9 are zeros of the previous output's hash.
            try:
                self.send(connection, {'id': None, 'method': 'mining.notify', 'params': [
                    '%x' % job, '00' * 32, c[:5].hex(), c[10:].hex(), [], '00000001', '1d00ffff', '495fab29', True]})
            except OSError:
                return
            stop.wait(2)

    @staticmethod
    def target(worker):
        """Difficulty 1, which the genesis block meets; for a simulated twin what some hundred hashes meet."""
        unit = 0xffff << 208
        return (unit << 24, 2 ** -24) if worker.endswith('.twin') else (unit, 1)

    def judge(self, params):
        coinbase = self.COINBASE[:5] + b'\0' + bytes.fromhex(params[2]) + self.COINBASE[10:]
        twice = lambda d: hashlib.sha256(hashlib.sha256(d).digest()).digest()
        header = GENESIS[:36] + twice(coinbase) + bytes.fromhex(params[3])[::-1] + GENESIS[72:76]
        header += bytes.fromhex(params[4])[::-1]
        good = int.from_bytes(twice(header), 'little') <= self.target(params[0])[0]
        say('pool', params[0], 'share accepted' if good else 'share refused')
        return good


def main():
    arguments, sticks, pool = sys.argv[1:], [], None
    while arguments and arguments[0] != '--':
        word = arguments.pop(0)
        if word == '--stick':
            kind, *faults = arguments.pop(0).split(',')
            sticks.append((kind, dict(f.split('=', 1) for f in faults)))
        elif word == '--pool':
            pool = Pool()
        else:
            sys.exit(__doc__)
    bus = Bus()
    for place, (kind, faults) in enumerate(sticks):
        port = place + 1
        bus.plug(port, kind, faults, announce=False)
        if 'remove' in faults:
            GLib.timeout_add(int(float(faults['remove']) * 1000), lambda p=port: bus.unplug(p) and False)
        if 'back' in faults:
            calm = {k: v for k, v in faults.items() if k not in ('remove', 'back')}
            GLib.timeout_add(
                int(float(faults['back']) * 1000), lambda p=port, k=kind, f=calm: bus.plug(p, k, f, announce=True) and False)
    command = [a.replace('POOL', 'stratum+tcp://127.0.0.1:%d' % pool.port) if pool else a for a in arguments[1:]]
    loop = GLib.MainLoop()
    # PR_SET_PDEATHSIG: the program does not outlive its bus.
    program = subprocess.Popen(command, preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))

    def look():
        if program.poll() is None:
            return True
        loop.quit()
        return False

    GLib.timeout_add(20, look)

    def pass_on(number):
        program.send_signal(number)
        return True

    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, pass_on, number)
    loop.run()
    sys.exit(program.wait())


main()
