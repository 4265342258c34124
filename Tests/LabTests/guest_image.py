#!/usr/bin/python3
"""The initial file system of a guest that sees our sticks: busybox, kernel modules, a script, and programs to run.

    guest_image.py OUT --modules DIR --script FILE [--busybox FILE] [--module NAME ...] [--program FILE ...]

DIR is the tree of one kernel's modules (lib/modules/VERSION). Modules come with those that they need, in the order in
which they load. A program comes with its shared libraries and lies in /bin under its own name. The script runs when
the modules are in and /dev, /proc and /sys are there; the guest is turned off when it ends.
"""
import argparse, gzip, lzma, os, re, stat, subprocess, sys

INIT = '''#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TERM=dumb
while read module; do insmod /modules/$module || echo "guest: no module $module"; done < /modules/order
. /script
echo "guest: end"
poweroff -f
'''


class Archive:
    """cpio, the form that Linux unpacks (newc)."""

    def __init__(self):
        self.parts, self.folders, self.number = [], set(), 0

    def entry(self, name, mode, data=b''):
        self.number += 1
        name = name.encode() + b'\0'
        fields = [self.number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        head = b'070701' + b''.join(b'%08x' % f for f in fields) + name
        self.parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]

    def folder(self, path):
        if path and path not in self.folders:
            self.folder(os.path.dirname(path))
            self.folders.add(path)
            self.entry(path, stat.S_IFDIR | 0o755)

    def file(self, path, data, mode=0o755):
        path = path.lstrip('/')
        self.folder(os.path.dirname(path))
        self.entry(path, stat.S_IFREG | mode, data)

    def done(self):
        self.entry('TRAILER!!!', 0)
        return b''.join(self.parts)


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def modules(tree, wanted):
    """Name and bytes of each, those that are needed before those that need them. What is not in the tree is built in."""
    paths = {}
    for folder, _, names in os.walk(tree):
        for name in names:
            match = re.match(r'(.+)\.ko(\.xz)?$', name)
            if match:
                paths[match[1].replace('-', '_')] = os.path.join(folder, name)
    result = {}

    def add(name):
        name = name.replace('-', '_')
        if name in result or name not in paths:
            return
        data = read(paths[name])
        if paths[name].endswith('.xz'):
            data = lzma.decompress(data)
        match = re.search(rb'\0depends=([^\0]*)\0', data)
        for need in match[1].decode().split(',') if match and match[1] else []:
            add(need)
        result[name] = data

    for name in wanted:
        add(name)
    return result


def libraries(program):
    text = subprocess.run(['ldd', program], capture_output=True, text=True).stdout
    return sorted(set(re.findall(r'(/\S+) \(0x', text)))


def main():
    options = argparse.ArgumentParser()
    options.add_argument('out')
    options.add_argument('--modules', required=True)
    options.add_argument('--script', required=True)
    options.add_argument('--busybox', default='/bin/busybox')
    options.add_argument('--module', action='append', default=[])
    options.add_argument('--program', action='append', default=[])
    given = options.parse_args()
    archive = Archive()
    archive.file('bin/busybox', read(given.busybox))
    archive.file('init', INIT.encode())
    archive.file('script', read(given.script))
    loaded = modules(given.modules, given.module)
    for name, data in loaded.items():
        archive.file('modules/' + name, data, 0o644)
    archive.file('modules/order', ''.join(name + '\n' for name in loaded).encode(), 0o644)
    needed = set()
    for program in given.program:
        archive.file('bin/' + os.path.basename(program), read(program))
        needed.update(libraries(program))
    for library in sorted(needed):
        archive.file(library, read(library))
    with gzip.open(given.out, 'wb', 1) as out:
        out.write(archive.done())
    print('modules:', ' '.join(loaded))


sys.exit(main())
