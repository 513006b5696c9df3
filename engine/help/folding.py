"""Japanese text as it is looked for: full and half width, katakana and hiragana, old and new forms of a character are one."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

KATAKANA, HIRAGANA = range(0x30A1, 0x30F7), 0x60  # a katakana and its hiragana are so far apart
MARKS = "\u3099\u309a\uff9e\uff9f\u0300-\u036f"  # those that voice a kana and those over latin letters follow the letter they belong to
KEPT = 30_000  # clusters that are remembered; texts have a few thousand different ones
LONG = frozenset("ー〜~‐‑–—―−-")  # サーバー and サーバ are one word, and the mark is typed in many ways
FORMS = str.maketrans(
    "髙﨑邊邉濵濱齋斎齊嶋嶌澤櫻廣國學會壽惠榮龍瀧眞應實圓藏舘祐曾冨吉條禮來當變體處號證據總經驗歸點團區營戰歷",
    "高崎辺辺浜浜斉斉斉島島沢桜広国学会寿恵栄竜滝真応実円蔵館祐曽富吉条礼来当変体処号証拠総経験帰点団区営戦歴",
)


CLUSTER = re.compile(f".[{MARKS}]*", re.DOTALL)  # a letter with the marks that belong to it


@dataclass(frozen=True)
class Folded:
    """A text as it is looked for; `places` says of each of its characters where in the written text it comes from, and one place more: the end."""

    text: str
    places: Sequence[int]


def folded(text: str) -> Folded:
    """Fold a text and keep where everything stood."""
    clusters = [(found.start(), _FOLDS[found[0]]) for found in CLUSTER.finditer(text)]
    places = [start for start, letters in clusters for _ in letters]
    return Folded("".join([letters for _, letters in clusters]), [*places, len(text)])


def fold(text: str) -> str:
    return "".join([_FOLDS[cluster] for cluster in CLUSTER.findall(text)])


def terms_of(query: str) -> tuple[str, ...]:
    """The words of a query: all of them are wanted, blanks of any width part them. A particle alone between words is none."""
    terms = tuple(dict.fromkeys(term for word in unicodedata.normalize("NFKC", query).split() if (term := fold(word))))
    return tuple(term for term in terms if len(term) > 1 or not is_hiragana(term)) or terms


def is_hiragana(text: str) -> bool:
    """Whether a folded text has nothing but hiragana, so that it may be an ending or a particle; katakana were folded too."""
    return all("ぁ" <= letter <= "ん" for letter in text)


class _Folds(dict[str, str]):
    """Each cluster folded once."""

    def __missing__(self, cluster: str) -> str:
        wide = unicodedata.normalize("NFKC", cluster).casefold().translate(FORMS)
        found = "".join(chr(ord(letter) - HIRAGANA) if ord(letter) in KATAKANA else letter for letter in wide if letter not in LONG)
        if len(self) < KEPT:
            self[cluster] = found
        return found


_FOLDS = _Folds()
