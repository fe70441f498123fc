#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""demo.py: a process worth watching. Four threads, named for what they do to memory:
sweep writes its area from end to end and again, hotspot a few pages all the time, random
any page of its area, leak takes new memory and never gives it back. Ends when stdin does.

Together they stay below 65,536 pages, so that the map is one full square of 256 x 256; and
they sleep much, so that an emulated machine has time left for drawing.

Weak: Python lets one thread run at a time, so the rates say nothing about the machine."""
import ctypes
import mmap
import random
import sys
import threading
import time

PAGE = mmap.PAGESIZE
MIB = 1 << 20
LEAK_MIB = 48


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
            if page % 128 == 127:
                time.sleep(0.02)


def hotspot(memory):
    turn = 0
    first = len(memory) // PAGE // 4
    while True:
        turn += 1
        for page in range(first, first + 1024):
            # Three in four stay hot all the time, the others now and then.
            if page % 4 or random.random() < 0.05:
                write(memory, page, turn)
        time.sleep(0.05)


def wander(memory):
    while True:
        for _ in range(64):
            write(memory, random.randrange(len(memory) // PAGE), random.randrange(256))
        time.sleep(0.05)


def leak(kept):
    while len(kept) < LEAK_MIB * 4:
        kept.append(bytearray(b"\1" * (MIB // 4)))
        time.sleep(0.1)


def start(name, function, argument):
    def run():
        name_thread(name)
        function(argument)

    threading.Thread(target=run, daemon=True).start()


def main():
    areas = [area(56), area(24), area(40)]
    start("sweep", sweep, areas[0])
    start("hotspot", hotspot, areas[1])
    start("random", wander, areas[2])
    start("leak", leak, [])
    print("ready", flush=True)
    sys.stdin.read()


main()
