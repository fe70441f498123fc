#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""demo.py: a process worth watching. Four threads, named for what they do to memory:
sweep writes its area from end to end and again, hotspot a few pages all the time, random
any page of its area, leak takes ever new pages and never gives one back. The areas are
memory files, since the picture can name those. Ends when stdin does.

Together they stay below 65,536 pages, so that the map is one full square of 256 x 256; and
they sleep much, so that an emulated machine has time left for drawing.

Weak: Python lets one thread run at a time, so the rates say nothing about the machine."""
import ctypes
import mmap
import os
import random
import sys
import threading
import time

PAGE = mmap.PAGESIZE
MIB = 1 << 20


def name_thread(name):
    """Give this thread a name that the kernel knows (PR_SET_NAME)."""
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)


def area(name, mebibytes, present=True):
    """Memory of its own, with a name in /proc/PID/maps; all of it present, or nothing."""
    file = os.memfd_create(name)
    os.ftruncate(file, mebibytes * MIB)
    memory = mmap.mmap(file, mebibytes * MIB)
    for page in range(len(memory) // PAGE if present else 0):
        write(memory, page, 1)
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


def leak(memory):
    for page in range(len(memory) // PAGE):
        write(memory, page, 1)
        if page % 64 == 63:
            time.sleep(0.2)
    time.sleep(1e6)


def start(name, function, argument):
    def run():
        name_thread(name)
        function(argument)

    threading.Thread(target=run, daemon=True).start()


def main():
    # Not 8 MiB of addresses for each stack.
    threading.stack_size(256 << 10)
    start("sweep", sweep, area("sweep", 64))
    start("hotspot", hotspot, area("hotspot", 28))
    start("random", wander, area("random", 56))
    start("leak", leak, area("leak", 40, present=False))
    print("ready", flush=True)
    sys.stdin.read()


main()
