"""Japanese company and person names, combined from small lists."""

import random
from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STEMS: Final = _words(
    "青空 北斗 三葉 大和 東海 若松 山手 みなと 白樺 朝日 桜井 富士見 瑞穂 光陽 日進 丸十 "
    "ひかり 南風 高砂 千代田 八千代 信濃 琵琶 讃岐 武蔵 銀河 若草 はなみずき 双葉 金星 "
    "つばさ 共栄 協和 太陽 新星 明和 松風 竹内 梅田 泉"
)
_TRADES: Final = _words(
    "製作所 電機 建設 食品 物流 運輸 印刷 工務店 商事 精機 化学 薬品 観光 ホテル 不動産 "
    "システム ソフト 設計 デザイン 警備 介護サービス フーズ テック 紙業 繊維 農園 水産 自動車 メディカル 教育"
)
_FORMS: Final = ("株式会社{}", "株式会社{}", "{}株式会社", "有限会社{}", "（株）{}", "{}（株）", "合同会社{}")

_SURNAMES: Final = (
    "佐藤 sato,鈴木 suzuki,高橋 takahashi,田中 tanaka,伊藤 ito,渡辺 watanabe,山本 yamamoto,中村 nakamura,"
    "小林 kobayashi,加藤 kato,吉田 yoshida,山田 yamada,佐々木 sasaki,山口 yamaguchi,松本 matsumoto,井上 inoue,"
    "木村 kimura,林 hayashi,斎藤 saito,清水 shimizu,山崎 yamazaki,森 mori,池田 ikeda,橋本 hashimoto,"
    "阿部 abe,石川 ishikawa,山下 yamashita,中島 nakajima,石井 ishii,小川 ogawa,前田 maeda,岡田 okada,"
    "長谷川 hasegawa,藤田 fujita,後藤 goto,近藤 kondo,村上 murakami,遠藤 endo,青木 aoki,坂本 sakamoto"
)
SURNAMES: Final = tuple((kanji, romaji) for kanji, romaji in (pair.split() for pair in _SURNAMES.split(",")))
"""Surname and its spelling in mail addresses."""

_GIVEN: Final = _words(
    "翔太 大輔 健一 拓也 直樹 誠 浩二 亮 和也 健太 雄一 隆 哲也 学 淳 美咲 陽子 真由美 恵 愛 裕子 彩 由美 千尋 菜々子 久美子 さくら 香織 智子 麻衣"
)

OWNERS: Final = ("sato", "tanaka", "suzuki", "takahashi")
"""Our people in charge, as the CRM names them."""


def company_name(rng: random.Random) -> str:
    """Return a name such as 株式会社青空製作所; some 7,000 are possible, and two companies may share one."""
    return rng.choice(_FORMS).format(rng.choice(_STEMS) + rng.choice(_TRADES))


def people(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """Names with the local part of their address; no two share a surname, so no two share an address."""
    return [(f"{kanji} {rng.choice(_GIVEN)}", romaji) for kanji, romaji in rng.sample(SURNAMES, count)]
