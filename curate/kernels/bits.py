"""What a processor does in one instruction and Numba has no name for. Unaligned reads of an array, mostly of uint8.

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
_HALF_BLOCK = ir.VectorType(_BYTE, 32)
_WORD = ir.IntType(32)
_EIGHT_WORDS = ir.VectorType(_WORD, 8)
_EIGHT_FLOATS = ir.VectorType(ir.FloatType(), 8)
_PAIRS = ("jv", "pu", "fu", "yp", "ke")


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


def _every(kind, value):
    return ir.Constant(kind, [value] * kind.count)


def _within(builder, block, first, number):
    """Which bytes are one of `number` from `first` on."""
    return builder.icmp_unsigned("<", builder.sub(block, _every(block.type, first)), _every(block.type, number))


def _mask(builder, flags):
    """A uint64 of a vector of at most 64 flags, the lowest bit for the first."""
    bits = builder.bitcast(flags, ir.IntType(flags.type.count))
    return bits if flags.type.count == 64 else builder.zext(bits, _LONG)


def _small(builder, block):
    return builder.or_(block, _every(block.type, 32))


def _beyond_ascii(builder, block):
    return builder.icmp_signed("<", block, _every(block.type, 0))


def _white(builder, block):
    return builder.or_(_within(builder, block, 9, 5), _within(builder, block, 28, 5))


def _masks_of(kind, number, flags_of):
    """An intrinsic (data, at): masks of the vector of bytes at data[at]; one mask if `number` is 1."""

    def typed(typingctx, data, at):
        result = types.UniTuple(types.uint64, number) if number > 1 else types.uint64

        def generate(context, builder, signature, arguments):
            block = _read(context, builder, signature, arguments, kind)
            masks = [_mask(builder, flags) for flags in flags_of(builder, block)]
            if number == 1:
                return masks[0]
            return impl_ret_untracked(context, builder, result, context.make_tuple(builder, result, masks))

        return result(data, types.uint64), generate

    return typed


def _chunk_flags(builder, block):
    letters = _within(builder, _small(builder, block), ord("a"), 26)
    blanks = builder.icmp_unsigned("==", block, _every(block.type, ord(" ")))
    return letters, builder.or_(_white(builder, block), _beyond_ascii(builder, block)), blanks


def _kind_flags(builder, block):
    return (
        _beyond_ascii(builder, block),
        _within(builder, _small(builder, block), ord("a"), 26),
        _within(builder, block, ord("0"), 10),
        _within(builder, block, ord("A"), 26),
        _white(builder, block),
        builder.icmp_unsigned("==", block, _every(block.type, ord("#"))),
        builder.icmp_unsigned("==", block, _every(block.type, ord("."))),
    )


def _character_flags(builder, block):
    small, capitals = _within(builder, block, ord("a"), 26), _within(builder, block, ord("A"), 26)
    digits = _within(builder, block, ord("0"), 10)
    others = builder.not_(builder.or_(builder.or_(small, capitals), digits))
    marks = builder.and_(_within(builder, block, ord("!"), 94), others)
    return small, capitals, digits, marks, _white(builder, block), *_newline_flags(builder, block)


def _line_flags(builder, block):
    found = _within(builder, block, 10, 4)
    for first, number in ((28, 3), (0xC2, 1), (0xE2, 1)):
        found = builder.or_(found, _within(builder, block, first, number))
    return (found,)


def _newline_flags(builder, block):
    return (builder.icmp_unsigned("==", block, _every(block.type, 10)),)


def _c4_flags(builder, block):
    return _white(builder, block), _beyond_ascii(builder, block), _within(builder, block, ord("["), 1)


def _start_flags(builder, block):
    return (builder.icmp_signed(">=", block, _every(block.type, -64)),)


def _phrase_mask(typingctx, data, at):

    def generate(context, builder, signature, arguments):
        array, place = arguments
        third = builder.add(place, ir.Constant(_LONG, 2))
        blocks = [_read(context, builder, signature, [array, at], _BLOCK) for at in (place, third)]
        found = builder.icmp_unsigned("==", blocks[0], _every(_BLOCK, ord("{")))
        blocks = [_small(builder, block) for block in blocks]
        for pair in _PAIRS:
            letters = zip(blocks, pair, strict=True)
            same = [builder.icmp_unsigned("==", block, _every(_BLOCK, ord(letter))) for block, letter in letters]
            found = builder.or_(found, builder.and_(*same))
        return _mask(builder, found)

    return types.uint64(data, types.uint64), generate


def _copy_block(typingctx, data, at, out, to):

    def generate(context, builder, signature, arguments):
        block = _read(context, builder, signature, arguments, _BLOCK)
        array = make_array(signature.args[2])(context, builder, arguments[2])
        place = builder.gep(array.data, [arguments[3]])
        builder.store(block, builder.bitcast(place, _BLOCK.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, types.uint64, out, types.uint64), generate


def _ones(typingctx, value):

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


def _prefetch(typingctx, data, at):

    def generate(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), _BYTE.as_pointer())
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), flag, flag, flag])
        function = builder.module.declare_intrinsic("llvm.prefetch", [_BYTE.as_pointer()], kind)
        builder.call(function, [place, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(data, types.uint64), generate


def _add_four(typingctx, total, at, data, first, second, third, fourth):

    def generate(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), _EIGHT_FLOATS.as_pointer())
        found = builder.load(place, align=4)
        rows = make_array(signature.args[2])(context, builder, arguments[2])
        for begin in arguments[3:]:
            row = builder.bitcast(builder.gep(rows.data, [begin]), _EIGHT_FLOATS.as_pointer())
            found = builder.fadd(found, builder.load(row, align=1))
        builder.store(found, place, align=4)
        return context.get_dummy_value()

    return types.void(total, types.uint64, data, *[types.uint64] * 4), generate


def _equal_mask(typingctx, data, at, value):

    def generate(context, builder, signature, arguments):
        words = _read(context, builder, signature, arguments, _EIGHT_WORDS)
        alike = ir.Constant(_EIGHT_WORDS, ir.Undefined)
        for lane in range(8):
            alike = builder.insert_element(alike, arguments[2], ir.Constant(_WORD, lane))
        return _mask(builder, builder.icmp_unsigned("==", words, alike))

    return types.uint64(data, types.uint64, types.uint32), generate


trailing_zeros: Any = intrinsic(_trailing_zeros)
"""trailing_zeros(value): the number of zero bits below the lowest one of a uint64, which must not be zero."""
eight: Any = intrinsic(_eight)
"""eight(data, at): data[at:at + 8] as a little-endian uint64."""
put_eight: Any = intrinsic(_put_eight)
"""put_eight(data, at, value): write a uint64 to data[at:at + 8], little-endian."""
block_masks: Any = intrinsic(_block)
"""block_masks(data, at): of data[at:at + 64], the uint64 masks of ASCII word characters (as Python's `\\\\w`) and of
bytes beyond ASCII, the lowest bit for the first byte."""
ones: Any = intrinsic(_ones)
"""ones(value): the number of bits set in a uint64."""
chunk_masks: Any = intrinsic(_masks_of(_BLOCK, 3, _chunk_flags))
"""chunk_masks(data, at): of data[at:at + 64] the masks of ASCII letters, of white space (as `str.isspace`) and bytes
beyond ASCII, and of blanks."""
kind_masks: Any = intrinsic(_masks_of(_BLOCK, 7, _kind_flags))
"""kind_masks(data, at): of data[at:at + 64] the masks of bytes beyond ASCII, ASCII letters, digits, capitals, white
space (as `str.isspace`), number signs and full stops."""
character_masks: Any = intrinsic(_masks_of(_BLOCK, 6, _character_flags))
"""character_masks(data, at): of data[at:at + 64] the masks of small ASCII letters, capitals, digits, punctuation (as
`string.punctuation`), white space (as `str.isspace`) and newlines."""
line_mask: Any = intrinsic(_masks_of(_BLOCK, 1, _line_flags))
"""line_mask(data, at): of data[at:at + 64] the mask of bytes that end a line, or may begin a character that does."""
newline_mask: Any = intrinsic(_masks_of(_BLOCK, 1, _newline_flags))
"""newline_mask(data, at): of data[at:at + 64] the mask of newlines."""
start_mask: Any = intrinsic(_masks_of(_BLOCK, 1, _start_flags))
"""start_mask(data, at): of data[at:at + 64] the mask of bytes that begin a character of UTF-8."""
c4_masks: Any = intrinsic(_masks_of(_BLOCK, 3, _c4_flags))
"""c4_masks(data, at): of data[at:at + 64] the masks of ASCII white space (as `str.isspace`), of bytes beyond ASCII and
of opening square brackets."""
phrase_mask: Any = intrinsic(_phrase_mask)
"""phrase_mask(data, at): of data[at:at + 64] the mask of curly brackets, and of where each phrase that C4's rules
look for has two letters that are seldom two bytes apart, in either case; reads two bytes more."""
copy_block: Any = intrinsic(_copy_block)
"""copy_block(data, at, out, to): copy data[at:at + 64] to out[to:to + 64]."""
prefetch: Any = intrinsic(_prefetch)
"""prefetch(data, at): begin to fetch the cache line of data[at]."""
add_four: Any = intrinsic(_add_four)
"""add_four(total, at, data, first, second, third, fourth): add to the eight float32 at total[at] those at four places
of data, one after the other; places count numbers from the first of an array, whatever its shape."""
equal_mask: Any = intrinsic(_equal_mask)
"""equal_mask(data, at, value): of the eight uint32 at data[at] the mask of those equal to a uint32."""
