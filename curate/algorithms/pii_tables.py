"""What the world's telephone numbers, accounts and keys look like: the tables that `pii` is looked up in."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.algorithms.top_level_domains import NAMES
from curate.kernels import arrow, unicode
from curate.kernels.pii_names import hash_labels
from curate.kernels.pii_signs import ALNUM, DIGIT, DOT, HEX, UNDERSCORE, UPPER, WORD, Lookup, Words

IBAN_LENGTHS = {
    **dict.fromkeys(["NO"], 15),
    **dict.fromkeys(["BE"], 16),
    **dict.fromkeys(["DK", "FI", "FK", "FO", "GL", "NL", "SD"], 18),
    **dict.fromkeys(["MK", "SI"], 19),
    **dict.fromkeys(["AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"], 20),
    **dict.fromkeys(["CH", "CR", "HR", "LI", "LV"], 21),
    **dict.fromkeys(["BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"], 22),
    **dict.fromkeys(["AE", "GI", "IL", "IQ", "OM", "SO", "TL"], 23),
    **dict.fromkeys(["AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"], 24),
    **dict.fromkeys(["LY", "PT", "ST"], 25),
    **dict.fromkeys(["IS", "TR"], 26),
    **dict.fromkeys(["BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"], 27),
    **dict.fromkeys(["AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"], 28),
    **dict.fromkeys(["BR", "EG", "PS", "QA", "UA"], 29),
    **dict.fromkeys(["JO", "KW", "MU", "YE"], 30),
    **dict.fromkeys(["MT", "SC"], 31),
    "LC": 32,
    "RU": 33,
}
"""Letters and digits in the IBAN of a country, by the registry of ISO 13616."""

_CODES = """
1:10 7:10 20:8-10 27:9 30:10 31:9 32:8-9 33:9 34:9 36:8-9 39:6-11 40:9 41:9 43:4-12 44:9-10 45:8 46:7-9 47:8 48:9
49:6-13 51:8-9 52:10 53:8 54:10-11 55:10-11 56:9 57:10 58:10 60:8-10 61:9 62:8-12 63:8-10 64:8-10 65:8 66:8-9 81:9-10
82:8-10 84:9-10 86:9-11 90:10 91:10 92:9-10 93:9 94:9 95:7-10 98:10 211:9 212:9 213:8-9 216:8 218:8-9 220:7 221:9 222:8
223:8 224:8-9 225:8-10 226:8 227:8 228:8 229:8-10 230:7-8 231:7-9 232:8 233:9 234:8-10 235:8 236:8 237:8-9 238:7
239:7 240:9 241:7-8 242:9 243:9 244:9 245:7-9 246:7 247:4-6 248:7 249:9 250:9 251:9 252:7-9 253:8 254:9 255:9 256:9
257:8 258:8-9 260:9 261:9 262:9 263:8-10 264:8-9 265:7-9 266:8 267:7-8 268:8 269:7 290:4-5 291:7 297:7 298:6 299:6
350:8 351:9 352:6-11 353:7-9 354:7-9 355:8-9 356:8 357:8 358:6-12 359:7-9 370:8 371:8 372:7-8 373:8 374:8 375:9 376:6-9
377:8-9 378:6-10 380:9 381:8-9 382:8 383:8 385:8-9 386:8 387:8 389:8 420:9 421:9 423:7-9 500:5 501:7 502:8 503:8
504:8 505:8 506:8 507:7-8 508:6 509:8 590:9 591:8 592:7 593:8-9 594:9 595:9 596:9 597:6-7 598:8 599:7-8 670:7-8 672:6
673:7 674:7 675:7-8 676:5-7 677:5-7 678:5-7 679:7 680:7 681:6 682:5 683:4-7 685:5-7 686:5-8 687:6 688:5-6 689:6-8
690:4-5 691:7 692:7 800:8 808:8 850:6-10 852:8 853:8 855:8-9 856:8-10 870:9 878:10 880:6-10 881:8 882:7-12 883:7-12
886:8-9 888:8 960:7 961:7-8 962:8-9 963:8-9 964:8-10 965:8 966:8-9 967:7-9 968:8 970:8-9 971:7-9 972:8-9 973:8 974:8
975:7-8 976:8 977:8-10 979:9 992:9 993:8 994:9 995:9 996:9 998:9
"""
CALLING_CODES = {
    int(code): tuple(int(number) for number in (*lengths.split("-"), *lengths.split("-"))[:2])
    for code, _, lengths in (item.partition(":") for item in _CODES.split())
}
"""The fewest and the most digits that follow a calling code of ITU-T E.164, by the numbering plans."""

_PHONE_WORDS = """
tel telephone telephones telefon telefono teléfono teléfonos telefone telefones téléphone tél telf tlf tfno
tfn fax telefoon telefonnummer telefonnr telefax phone phoneno phonenumber ph mobile mobil móvil mob cell
cellphone celular cellulare portable handy gsm call dial whatsapp sms hotline helpline handphone fono fon
natel телефон телефоны тел Телефон Тел ТЕЛ моб Моб факс Факс τηλ Τηλ τηλέφωνο Τηλέφωνο 电话 電話 手机 手機
传真 携帯 전화 휴대폰 연락처 هاتف تلفون جوال फोन मोबाइल โทร
"""
_VERSION_WORDS = """
v ver vers version versions versión versão versione versie versi wersja verze verzia versiunea sürüm release
released releases rel rev revision build builds update updates upgrade patch hotfix firmware driver kernel
section sections sec chapter clause article paragraph para appendix figure table step § версия версии Версия
版本 バージョン 버전 oid
"""
_HOST_WORDS = """
ip ips ipv4 address addresses addr adresse adresses host hosts hostname server servers nameserver dns ping
traceroute ssh gateway proxy resolver inet peer client netmask indirizzo dirección endereço adres адрес
адреса 地址 アドレス 주소
"""
PHONE_WORDS, VERSION_WORDS, HOST_WORDS = _PHONE_WORDS.split(), _VERSION_WORDS.split(), _HOST_WORDS.split()
"""Words, in lower case where ASCII, that say of the number after them that it is a telephone number, that it is no
address, and that it is one."""

KEY_SHAPES = {
    **dict.fromkeys(["AKIA"], (UPPER | DIGIT, 16, 16, False)),
    **dict.fromkeys(["ASIA", "ABIA", "ACCA"], (UPPER | DIGIT, 16, 16, True)),
    **dict.fromkeys(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], (ALNUM, 36, 255, True)),
    "github_pat_": (ALNUM | UNDERSCORE, 80, 90, True),
    "glpat-": (WORD | DOT, 20, 300, True),
    **dict.fromkeys(["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"], (WORD, 20, 300, True)),
    "AIza": (WORD, 35, 35, True),
    "ya29.": (WORD, 30, 1000, True),
    "GOCSPX-": (WORD, 28, 28, True),
    **dict.fromkeys(["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"], (ALNUM, 16, 255, True)),
    **dict.fromkeys(["sk-proj-", "sk-ant-", "sk-svcacct-", "sk-admin-", "sk-or-"], (WORD, 32, 255, True)),
    "sk-": (ALNUM, 32, 64, True),
    "hf_": (ALNUM, 30, 40, False),
    "npm_": (ALNUM, 36, 36, True),
    "pypi-": (WORD, 50, 500, True),
    **dict.fromkeys(["shpat_", "shpca_", "shppa_", "shpss_"], (HEX, 32, 32, True)),
    **dict.fromkeys(["dop_v1_", "doo_v1_", "dor_v1_"], (HEX, 64, 64, True)),
    "glsa_": (ALNUM | UNDERSCORE, 32, 60, True),
    "SG.": (WORD | DOT, 66, 66, True),
    "SK": (HEX, 32, 32, True),
    "sq0atp-": (WORD, 22, 22, True),
    "sq0csp-": (WORD, 43, 43, True),
}
"""Of keys by their prefix: the classes of bytes that follow, the fewest and the most, whether one must be a digit.

Amazon, GitHub, GitLab, Slack, Google, Stripe, OpenAI, Anthropic, OpenRouter, Hugging Face, npm, PyPI, Shopify,
DigitalOcean, Grafana, SendGrid, Twilio, Square.
"""


@functools.cache
def lookup() -> Lookup:
    """The tables as the kernels take them."""
    names = arrow.strings(pa.array(sorted(NAMES), pa.large_string()))
    domains = np.empty(len(names), dtype=np.uint64)
    hash_labels(names.offsets, names.data, domains)
    iban = np.zeros(26 * 26, dtype=np.int64)
    for country, length in IBAN_LENGTHS.items():
        iban[(ord(country[0]) - 65) * 26 + ord(country[1]) - 65] = length
    calling = np.zeros((1000, 2), dtype=np.int64)
    for code, lengths in CALLING_CODES.items():
        calling[code] = lengths
    shapes = np.array(list(KEY_SHAPES.values()), dtype=np.int64)
    before = [words(some) for some in (PHONE_WORDS, VERSION_WORDS, HOST_WORDS)]
    return Lookup(
        unicode.flags(),
        np.sort(domains),
        iban,
        calling,
        before[0],
        before[1],
        before[2],
        words(list(KEY_SHAPES)),
        shapes,
    )


def words(given: Sequence[str]) -> Words:
    """Strings as the kernels take them."""
    values = arrow.strings(pa.array(given, pa.large_string()))
    return Words(values.offsets, values.data[: values.offsets[-1]])
