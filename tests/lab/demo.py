#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""demo.py: a process worth watching. Four threads, named for what they do to memory:
sweep writes its area from end to end and again, hotspot a few pages all the time, random
any page of its area, leak takes new memory and never gives it back. Ends when stdin does.

Weak: Python lets one thread run at a time, so the rates say nothing about the machine."""
import ctypes
import mmap
import random
import sys
import threading
import time

PAGE = mmap.PAGESIZE
MIB = 1 << 20


def name_thread(name):
    """Give this thread a name that the kernel knows (PR_SET_NAME)."""
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)


def area(mebibytes):
    """Anonymous memory, all of it present."""
    memory = mmap.mmap(-1, mebibytes * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, len(memory), PAGE):
        memory[offset] = 1
    return memory


def write(memory, page, value):
    memory[page * PAGE] = value & 255


def sweep(memory):
    turn = 0
    while True:
        turn += 1
        for page in range(len(memory) // PAGE):
            write(memory, page, turn)
            if page % 64 == 63:
                time.sleep(0.005)


def hotspot(memory):
    turn = 0
    first = len(memory) // PAGE // 3
    while True:
        turn += 1
        for page in range(first, first + 96):
            write(memory, page, turn)
        time.sleep(0.02)


def wander(memory):
    while True:
        for _ in range(24):
            write(memory, random.randrange(len(memory) // PAGE), random.randrange(256))
        time.sleep(0.02)


def leak(kept):
    while len(kept) < 320:
        kept.append(bytearray(b"\1" * (256 << 10)))
        time.sleep(0.1)


def start(name, function, argument):
    def run():
        name_thread(name)
        function(argument)

    threading.Thread(target=run, daemon=True).start()


def main():
    areas = [area(40), area(16), area(48)]
    start("sweep", sweep, areas[0])
    start("hotspot", hotspot, areas[1])
    start("random", wander, areas[2])
    start("leak", leak, [])
    print("ready", flush=True)
    sys.stdin.read()


main()
