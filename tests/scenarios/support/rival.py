"""Another host that saves FILE by rename again and again, until stdin ends. Prints each version it wrote, and what it
replaced by that: exactly, because the two names are swapped in one act."""
import ctypes
import os
import random
import select
import sys
import time

FILE, SEED, PAUSE_MS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCHANGE = -100, 1, 2
libc = ctypes.CDLL(None, use_errno=True)
chance = random.Random(SEED)


def rename(a, b, flags):
    return libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), flags) == 0


def save(n):
    text = f"rival {SEED} {n} " + "r" * chance.randrange(1, 200)
    temp = FILE + ".rival"
    with open(temp, "w") as out:
        out.write(text)
    while True:
        if rename(temp, FILE, RENAME_EXCHANGE):
            with open(temp) as old:
                replaced = old.read()
            os.unlink(temp)
            print(f"wrote\t{text}\nreplaced\t{replaced}", flush=True)
            return
        if rename(temp, FILE, RENAME_NOREPLACE):
            print(f"wrote\t{text}", flush=True)
            return


n = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    save(n)
    n += 1
    time.sleep(chance.random() * PAUSE_MS / 1000)
