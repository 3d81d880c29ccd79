#!/usr/bin/env python3
"""Uses Vulkan wrongly on purpose: a buffer of size 0, and two fills of one buffer without a barrier. A validation layer
that is loaded and checks synchronization reports both."""
import ctypes as c

vk = c.CDLL('libvulkan.so.1')
Handle = c.c_void_p


def struct(*fields):
    """A struct of Vulkan as 32-bit and 64-bit fields, given by pairs of type and value; kept alive with it."""
    kind = type('S', (c.Structure,), {'_fields_': [(f'f{i}', t) for i, (t, _) in enumerate(fields)]})
    return kind(*[value for _, value in fields])


def head(kind):
    return (c.c_uint32, kind), (c.c_void_p, None), (c.c_uint32, 0)


def call(name, *arguments, allowed=(0,)):
    result = getattr(vk, name)(*arguments)
    if result not in allowed:
        raise SystemExit(f'{name}: {result}')


def create(name, parent, info):
    made = Handle()
    call(name, parent, c.byref(info), None, c.byref(made))
    return made


app = struct((c.c_uint32, 0), (c.c_void_p, None), (c.c_char_p, b'control'), (c.c_uint32, 0), (c.c_char_p, None),
             (c.c_uint32, 0), (c.c_uint32, 1 << 22 | 1 << 12))
info = struct(*head(1), (c.c_void_p, c.addressof(app)), (c.c_uint32, 0), (c.c_void_p, None), (c.c_uint32, 0),
              (c.c_void_p, None))
instance = Handle()
call('vkCreateInstance', c.byref(info), None, c.byref(instance))
count, gpu = c.c_uint32(1), Handle()
call('vkEnumeratePhysicalDevices', instance, c.byref(count), c.byref(gpu), allowed=(0, 5))
priority = c.c_float(1)
queues = struct(*head(2), (c.c_uint32, 0), (c.c_uint32, 1), (c.c_void_p, c.addressof(priority)))
info = struct(*head(3), (c.c_uint32, 1), (c.c_void_p, c.addressof(queues)), (c.c_uint32, 0), (c.c_void_p, None),
              (c.c_uint32, 0), (c.c_void_p, None), (c.c_void_p, None))
device = create('vkCreateDevice', gpu, info)


def buffer(size):
    return create('vkCreateBuffer', device,
                  struct(*head(12), (c.c_uint64, size), (c.c_uint32, 2), (c.c_uint32, 0), (c.c_uint32, 0), (c.c_void_p, None)))


ours = buffer(1024)
needs = (c.c_uint64 * 3)()
vk.vkGetBufferMemoryRequirements(device, ours, needs)
kinds = next(i for i in range(32) if needs[2] >> i & 1)
memory = create('vkAllocateMemory', device,
                struct((c.c_uint32, 5), (c.c_void_p, None), (c.c_uint64, needs[0]), (c.c_uint32, kinds)))
call('vkBindBufferMemory', device, ours, memory, c.c_uint64(0))
pool = create('vkCreateCommandPool', device, struct(*head(39), (c.c_uint32, 0)))
commands = Handle()
call('vkAllocateCommandBuffers', device,
     c.byref(struct((c.c_uint32, 40), (c.c_void_p, None), (c.c_void_p, pool.value), (c.c_uint32, 0), (c.c_uint32, 1))),
     c.byref(commands))
call('vkBeginCommandBuffer', commands, c.byref(struct(*head(42), (c.c_void_p, None))))
for word in (1, 2):
    vk.vkCmdFillBuffer(commands, ours, c.c_uint64(0), c.c_uint64(1024), c.c_uint32(word))
call('vkEndCommandBuffer', commands)
vk.vkCreateBuffer(device, c.byref(struct(*head(12), (c.c_uint64, 0), (c.c_uint32, 2), (c.c_uint32, 0), (c.c_uint32, 0),
                                         (c.c_void_p, None))), None, c.byref(Handle()))
