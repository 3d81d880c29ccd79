"""The lectures' 20-line net in NumPy, from initial values that anygrad can draw too: its loss at each of 500 steps.

Writes numpy_net.json beside this file:
    python -m venv /tmp/venv && /tmp/venv/bin/pip install numpy && /tmp/venv/bin/python tests/golden/numpy_net.py
The numbers come from anygrad's counter generator, written down here a second time (src/random.rs has the first), so
that the file holds nothing but losses. The net itself is computed in f64.
"""

import json
import pathlib

import numpy as np

ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24]
SYNTHETIC = 4  # anygrad::random::Purpose::Synthetic


def threefry(key, counter):
    """Threefry-2x32-20 on arrays of counters."""
    k = [np.uint32(key[0]), np.uint32(key[1])]
    k.append(k[0] ^ k[1] ^ np.uint32(0x1BD11BDA))
    x, y = (np.asarray(c, dtype=np.uint32) + k[i] for i, c in enumerate(counter))
    for group in range(5):
        for rotation in ROTATIONS[group % 2 * 4:][:4]:
            x = x + y
            y = (y << np.uint32(rotation) | y >> np.uint32(32 - rotation)) ^ x
        x = x + k[(group + 1) % 3]
        y = y + k[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def stream_key_of(seed, purpose, path):
    """The stream of a path: its 64-bit FNV-1a hash, mapped by the key of seed and purpose."""
    hash_of_path = 0xCBF29CE484222325
    for byte in path.encode():
        hash_of_path = (hash_of_path ^ byte) * 0x100000001B3 % 2**64
    low_and_high = [[hash_of_path % 2**32], [hash_of_path >> 32]]
    key = [int(word[0]) for word in threefry([seed % 2**32, seed >> 32], [[purpose], [0]])]
    return [int(word[0]) for word in threefry(key, low_and_high)]


def normals(seed, stream, shape):
    """What `Stream::new(stream_key(seed, Purpose::Synthetic, stream)).next_normal()` yields, as f32 holds it."""
    key = [int(word[0]) for word in threefry([seed, 0], [[SYNTHETIC], [stream]])]
    count = int(np.prod(shape))
    words = threefry(key, [np.arange(count), np.zeros(count)])  # two words for each normal number
    u, v = (word.astype(np.uint32) >> np.uint32(8) for word in words)
    u, v = 1.0 - u / 2.0**24, v / 2.0**24
    return (np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)).astype(np.float32).astype(np.float64).reshape(shape)


def losses():
    n, d_in, h, d_out = 64, 1000, 100, 10
    x, y = normals(0, 0, (n, d_in)), normals(0, 1, (n, d_out))
    w1, w2 = normals(0, 2, (h, d_in)).T, normals(0, 3, (d_out, h)).T  # anygrad's weights are [out, in]
    for _ in range(500):
        hidden = 1 / (1 + np.exp(-x.dot(w1)))
        y_pred = hidden.dot(w2)
        yield np.square(y_pred - y).sum()
        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = hidden.T.dot(grad_y_pred)
        grad_hidden = grad_y_pred.dot(w2.T)
        grad_w1 = x.T.dot(grad_hidden * hidden * (1 - hidden))
        w1 = w1 - 1e-4 * grad_w1
        w2 = w2 - 1e-4 * grad_w2


if __name__ == "__main__":
    assert [int(w[0]) for w in threefry([0, 0], [[0], [0]])] == [0x6B200159, 0x99BA4EFE], "Random123's known answer"
    path = pathlib.Path(__file__).with_name("numpy_net.json")
    curve = list(losses())
    path.write_text(json.dumps(dict(numpy=np.__version__, losses=curve)) + "\n")
    print(f"loss {curve[0]:.1f} → {curve[-1]:.4f} in {len(curve)} steps by NumPy {np.__version__}, in {path}")
