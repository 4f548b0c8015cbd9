"""What a processor does in one instruction and Numba has no name for. Unaligned reads of a uint8 array.

The reads check nothing: the bytes must lie within the array.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

_BYTE = ir.IntType(8)
_LONG = ir.IntType(64)
_BLOCK = ir.VectorType(_BYTE, 64)


def _trailing_zeros(typingctx, value):

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _read(context, builder, signature, arguments, kind):
    array = make_array(signature.args[0])(context, builder, arguments[0])
    place = builder.gep(array.data, [arguments[1]])
    return builder.load(builder.bitcast(place, kind.as_pointer()), align=1)


def _eight(typingctx, data, at):

    def generate(context, builder, signature, arguments):
        return _read(context, builder, signature, arguments, _LONG)

    return types.uint64(data, types.uint64), generate


def _put_eight(typingctx, data, at, value):

    def generate(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, _LONG.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, types.uint64, types.uint64), generate


def _word_mask(builder, block):
    """The bits of the bytes that are an ASCII letter, digit or underscore."""

    def every(character):
        return ir.Constant(_BLOCK, [ord(character)] * 64)

    letters = builder.sub(builder.or_(block, every(" ")), every("a"))
    letters = builder.icmp_unsigned("<", letters, ir.Constant(_BLOCK, [26] * 64))
    digits = builder.sub(block, every("0"))
    digits = builder.icmp_unsigned("<", digits, ir.Constant(_BLOCK, [10] * 64))
    underscores = builder.icmp_unsigned("==", block, every("_"))
    return builder.bitcast(builder.or_(builder.or_(letters, digits), underscores), _LONG)


def _block(typingctx, data, at):
    pair = types.UniTuple(types.uint64, 2)

    def generate(context, builder, signature, arguments):
        block = _read(context, builder, signature, arguments, _BLOCK)
        high = builder.icmp_signed("<", block, ir.Constant(_BLOCK, [0] * 64))
        masks = [_word_mask(builder, block), builder.bitcast(high, _LONG)]
        return impl_ret_untracked(context, builder, pair, context.make_tuple(builder, pair, masks))

    return pair(data, types.uint64), generate


trailing_zeros: Any = intrinsic(_trailing_zeros)
"""trailing_zeros(value): the number of zero bits below the lowest one of a uint64, which must not be zero."""
eight: Any = intrinsic(_eight)
"""eight(data, at): data[at:at + 8] as a little-endian uint64."""
put_eight: Any = intrinsic(_put_eight)
"""put_eight(data, at, value): write a uint64 to data[at:at + 8], little-endian."""
block_masks: Any = intrinsic(_block)
"""block_masks(data, at): of data[at:at + 64], the uint64 masks of ASCII word characters (as Python's `\\\\w`) and of
bytes beyond ASCII, the lowest bit for the first byte."""
