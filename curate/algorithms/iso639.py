"""Language codes: ISO 639-3 to the two letters of ISO 639-1, and the labels of language models to either."""

from __future__ import annotations

import functools
import re

_TWO = """
aa aar ab abk ae ave af afr ak aka am amh an arg ar ara as asm av ava ay aym az aze ba bak be bel bg bul bi bis bm bam
bn ben bo bod br bre bs bos ca cat ce che ch cha co cos cr cre cs ces cu chu cv chv cy cym da dan de deu dv div dz dzo
ee ewe el ell en eng eo epo es spa et est eu eus fa fas ff ful fi fin fj fij fo fao fr fra fy fry ga gle gd gla gl glg
gn grn gu guj gv glv ha hau he heb hi hin ho hmo hr hrv ht hat hu hun hy hye hz her ia ina id ind ie ile ig ibo ii iii
ik ipk io ido is isl it ita iu iku ja jpn jv jav ka kat kg kon ki kik kj kua kk kaz kl kal km khm kn kan ko kor kr kau
ks kas ku kur kv kom kw cor ky kir la lat lb ltz lg lug li lim ln lin lo lao lt lit lu lub lv lav mg mlg mh mah mi mri
mk mkd ml mal mn mon mr mar ms msa mt mlt my mya na nau nb nob nd nde ne nep ng ndo nl nld nn nno no nor nr nbl nv nav
ny nya oc oci oj oji om orm or ori os oss pa pan pi pli pl pol ps pus pt por qu que rm roh rn run ro ron ru rus rw kin
sa san sc srd sd snd se sme sg sag si sin sk slk sl slv sm smo sn sna so som sq sqi sr srp ss ssw st sot su sun sv swe
sw swa ta tam te tel tg tgk th tha ti tir tk tuk tl tgl tn tsn to ton tr tur ts tso tt tat tw twi ty tah ug uig uk ukr
ur urd uz uzb ve ven vi vie vo vol wa wln wo wol xh xho yi yid yo yor za zha zh zho zu zul
"""
_MEMBERS = """
ak fat twi ar aao abh abv acm acq acw acx acy adf aeb aec afb ajp apc apd arb arq ars ary arz auz avl ayh ayl ayn ayp
pga shu ssh ar ajt ay ayc ayr az azb azj cr crj crk crl crm csw cwd et ekk vro fa pes prs ff ffm fub fuc fue fuf fuh
fui fuq fuv gn gnw gug gui gun nhd ik esi esk iu ike ikt kg kng kwy ldi kr kby knc krt ku ckb kmr sdh kv koi kpv lv ltg
lvs mg bhr bmm bzc msh plt skg tdx tkg txy xmv xmw mn khk mvf ms max meo mfa mfb min mqg msi mui orn ors pel pse tmw
urk vkk vkt xmm zlm zmi zsm ne npi dty oj ciw ojb ojc ojg ojs ojw otw om gax gaz hae orc or ory spv ps pbt pbu pst qu
qub qud quf qug quh quk qul qup qur qus quw qux quy quz qva qvc qve qvh qvi qvj qvl qvm qvn qvo qvp qvs qvw qvz qwa qwc
qwh qws qxa qxc qxh qxl qxn qxo qxp qxr qxt qxu qxw sc sdc sdn src sro sq aae aat aln als sw swc swh uz uzn uzs yi ydd
yih za ccx ccy zch zeh zgb zgm zgn zhd zhn zlj zln zlq zqe zyb zyg zyj zyn zzj zh cdo cjy cmn cnp cpx csp czh czo gan
hak hsn lzh mnp nan wuu yue he hbo no nob nno
"""
"""Members of the macrolanguages of ISO 639-3 that have two letters and they have not; and Ancient Hebrew."""
_OLD = "iw he in id ji yi jw jv mo ro fil tl"
_WIKIPEDIA = {"als": "gsw", "bat-smg": "sgs", "eml": "eml", "fiu-vro": "vro", "nah": "nah", "zh-yue": "zh"}
"""Names that differ from the codes in Wikipedia's domains, by which some models call languages."""
_NAME = re.compile(r"(?:__label__)?([A-Za-z]{2,3})([_-]\w+)*")


@functools.cache
def _table() -> dict[str, str]:
    pairs = iter(_TWO.split())
    table = {long: two for two, long in zip(pairs, pairs, strict=True)}
    macro = ""
    for code in _MEMBERS.split():
        if len(code) == 2:
            macro = code
        else:
            table.setdefault(code, macro)
    old = iter(_OLD.split())
    return {**table, **dict(zip(old, old, strict=True))}


def two_letters(code: str) -> str:
    """ISO 639-1 for a code of ISO 639-3, of the language or of the macrolanguage that it is a member of.

    Codes that have none, and those of two letters, stay; withdrawn ones are replaced. `cmn`, `yue` and `lzh` are `zh`.
    """
    return _table().get(code, code)


def of_label(label: str) -> str | None:
    """The code of a fastText label: `__label__en`, `__label__eng_Latn`, `__label__zh-yue`; None for what is no code.

    A label of letters alone is the name of a Wikipedia; one with a script is ISO 639-3 or 639-1.
    """
    name = label.removeprefix("__label__")
    if name in _WIKIPEDIA:
        return _WIKIPEDIA[name]
    found = _NAME.fullmatch(name)
    return two_letters(found[1].lower()) if found else None
