"""English exceptions to the word rules: spaCy's published ones, made by rule where they can be.

Pieces are parted by a blank: "ca n't" is the text "can't" cut in two.
"""

from __future__ import annotations

from collections.abc import Iterator

_WHOLE = """
' '' \\") <space> C++ a. b. c. d. e. f. g. h. i. j. k. l. m. n. o. p. q. r. s. t. u. v. w. x. y. z. ä. ö. ü.
\\t \\n — em 'em ll 'll nuff 'nuff 'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout
ma'am Ma'am o'clock O'clock 'd a.m. p.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc.
Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. Mt. Ak. Ala. Apr. Ariz. Ark. Aug.
Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn.
Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis.
"""

_FACES = r"""
:) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(( :-((
:((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o
:* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__-
v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<)
(*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>
"""

_CUT = """
y' all|y all|how 'd 'y|How 'd 'y|not 've|not ve|Not 've|Not ve|can not|Can not|gon na|Gon na|got ta|Got ta|let 's|Let 's
|c'm on|C'm on
"""

_NO_EXCEPTIONS = "ill its hell shell shed were well whore"
_ENDED_BY_NOT = (
    "ca could do does did had may might must need ought sha should wo would ai are is was were have has dare"
)
_WITHOUT_HAVE = "ai are is was were have has dare"
_HAVE = "could might must should would"
_DROPPED_G = "doin goin nothin nuthin ol somethin lovin havin"


def exceptions() -> dict[str, tuple[str, ...]]:
    """Each text that is cut by no rule, and the pieces that it is cut into, one or more."""
    found = {"".join(pieces): pieces for pieces in _all()}
    for word in _both(_NO_EXCEPTIONS):
        found.pop(word, None)
    curly = {text.replace("'", "’"): tuple(piece.replace("'", "’") for piece in found[text]) for text in found}
    return found | curly


def units() -> tuple[str, ...]:
    """Units of measurement, which are parted from a number before them."""
    latin = (
        "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa "
        "Pa mbar mb MB kb KB gb GB tb TB T G M K %"
    )
    cyrillic = (
        "км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па мбар Кб КБ кб Мб МБ мб Гб ГБ "
        "гб Тб ТБ"
    )
    arabic = "كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ كم غرام جرام جم كغ ملغ كوب"
    return tuple(f"{latin} {cyrillic} {arabic} US$ C$ A$".split())


def _all() -> Iterator[tuple[str, ...]]:
    yield from ((word,) for word in f"{_WHOLE} {_FACES}".split())
    for word in _both(_DROPPED_G):
        yield from ((word,), (word + "'",))
    for pronoun in _both("i you he she it we they"):
        yield from _shortened(pronoun, "'ll", "'ll 've", "'d", "'d 've")
    for pronoun in _both("i you we they"):
        yield from _shortened(pronoun, "'ve")
    for pronoun in _both("you we they"):
        yield from _shortened(pronoun, "'re")
    for pronoun in _both("he she it"):
        yield from _shortened(pronoun, "'s")
    for pronoun in _both("i"):
        yield from _shortened(pronoun, "'m", "'m a")
    for word in _both("who what when where why how there that this these those"):
        yield from _shortened(word, "'ll", "'ll 've", "'d", "'d 've")
        if word.lower() not in ("these", "those"):
            yield from _shortened(word, "'s")
        if word.lower() not in ("that", "this"):
            yield from _shortened(word, "'re", "'ve")
    for verb in _both(_ENDED_BY_NOT):
        yield from _shortened(verb, "n't")
        if verb.lower() not in _WITHOUT_HAVE.split():
            yield from _shortened(verb, "n't 've")
    for verb in _both(_HAVE):
        yield from _shortened(verb, "'ve")
    for hour in range(1, 13):
        yield from ((str(hour), half) for half in ("a.m.", "am", "p.m.", "pm"))
    yield from (("°", letter, ".") for letter in "cfkCFK")
    yield from (tuple(cut.split()) for cut in _CUT.split("|"))


def _both(words: str) -> list[str]:
    return [form for word in words.split() for form in (word, word.title())]


def _shortened(word: str, *endings: str) -> Iterator[tuple[str, ...]]:
    """The word with each ending, with its apostrophes and without."""
    for ending in endings:
        yield (word, *ending.split())
        yield (word, *ending.replace("'", "").split())
