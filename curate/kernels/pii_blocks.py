"""The bytes at which personal data can begin, found 64 at a time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

_LONG = ir.IntType(64)
_BLOCK = ir.VectorType(ir.IntType(8), 64)


def _every(number: int) -> ir.Constant:
    return ir.Constant(_BLOCK, [number] * 64)


def _signs(typingctx, data, at):
    pair = types.UniTuple(types.uint64, 2)

    def generate(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        block = builder.load(builder.bitcast(place, _BLOCK.as_pointer()), align=1)
        digits = builder.icmp_unsigned("<", builder.sub(block, _every(ord("0"))), _every(10))
        at, underscore, letter = (builder.icmp_unsigned("==", block, _every(ord(sign))) for sign in "@_K")
        signs = builder.or_(builder.or_(at, underscore), letter)
        masks = [builder.bitcast(digits, _LONG), builder.bitcast(signs, _LONG)]
        return impl_ret_untracked(context, builder, pair, context.make_tuple(builder, pair, masks))

    return pair(data, types.uint64), generate


sign_masks: Any = intrinsic(_signs)
"""sign_masks(data, at): of data[at:at + 64], which is not checked to be there, the uint64 masks of ASCII digits and of
`@`, `_` and `K`, the lowest bit for the first byte."""
