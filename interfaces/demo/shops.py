"""The two shops of the demo: their goods, and the people who buy there. All of it is invented.

Mail addresses end in example.com or example.org, IP addresses are of the documentation blocks,
telephone numbers of the ranges kept for fiction where a country has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any
from unicodedata import normalize


@dataclass(frozen=True)
class Place:
    """Where people of a country live, and how they pay."""

    country: str
    currency: str
    phone: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[tuple[str, str, str], ...]
    """City, region, postal code."""


@dataclass(frozen=True)
class Shop:
    """One tenant. `goods`: sku, name, unit price in minor units."""

    tenant: str
    prefix: str
    channels: tuple[str, ...]
    gateways: tuple[str, ...]
    carriers: tuple[str, ...]
    warehouses: tuple[str, ...]
    goods: tuple[tuple[str, str, int], ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Person:
    """A customer: what their orders say of them, and from where they click."""

    customer: dict[str, Any]
    address: dict[str, Any]
    currency: str
    ip: str
    user_agent: str


SWEDEN = Place(
    "SE",
    "SEK",
    "+46 70 174 06 {:02}",
    ("Åsa", "Björn", "Elin", "Lars", "Maja", "Nils", "Sara", "Tove", "Yusuf"),
    ("Åkesson", "Berg", "Dahlström", "Holm", "Lindqvist", "Nyman", "Sjögren", "Wallin"),
    ("Storgatan {}", "Björkvägen {}", "Hamngatan {} B", "Kyrkogatan {}"),
    (("Göteborg", "O", "411 38"), ("Malmö", "M", "211 45"), ("Umeå", "AC", "903 26")),
)
GERMANY = Place(
    "DE",
    "EUR",
    "+49 30 23125 0{:02}",
    ("Anke", "Björn", "Emre", "Greta", "Jürgen", "Leonie", "Miriam", "Tobias", "Zeynep"),
    ("Böhm", "Çelik", "Hartmann", "Kowalski", "Lorenz", "Müller", "Schäfer", "Vogt", "Weiß"),
    ("Lindenstraße {}", "Am Mühlbach {}", "Schillerplatz {}a", "Hafenweg {}"),
    (("Köln", "NW", "50667"), ("Leipzig", "SN", "04109"), ("Nürnberg", "BY", "90402")),
)
BRITAIN = Place(
    "GB",
    "GBP",
    "+44 7700 9001{:02}",
    ("Aisha", "Callum", "Dev", "Fiona", "Gareth", "Imogen", "Niamh", "Oluwaseun", "Ruth"),
    ("Achebe", "Blackwood", "Campbell", "D'Arcy", "Hughes", "O'Neill", "Patel", "Whitlock"),
    ("{} Mill Lane", "Flat {}, Harbour House", "{} Station Road", "{} Priory Close"),
    (("Leeds", "ENG", "LS1 4AP"), ("Cardiff", "WLS", "CF10 1EP"), ("Perth", "SCT", "PH1 5TJ")),
)
AMERICA = Place(
    "US",
    "USD",
    "+1-555-01{:02}",
    ("Andre", "Brianna", "Carlos", "Dana", "Esperanza", "Hiro", "Jamal", "Megan", "Quinn"),
    ("Alvarez", "Brooks", "Chen", "Delgado", "Fitzgerald", "Nguyễn", "Okafor", "Reyes", "Stone"),
    ("{} Maple Avenue", "{} W 4th Street", "{} Old Creek Road", "{} Sunset Drive"),
    (("Austin", "TX", "78701"), ("Portland", "OR", "97205"), ("Madison", "WI", "53703")),
)
CANADA = Place(
    "CA",
    "CAD",
    "+1-555-01{:02}",
    ("Amélie", "Benoît", "Chantal", "Graham", "Iris", "Mathieu", "Noor", "Wren"),
    ("Bélanger", "Côté", "Fraser", "Gagnon", "MacLeod", "Singh", "Tremblay"),
    ("{} rue Principale", "{} Lakeshore Road", "{} avenue du Parc"),
    (("Montréal", "QC", "H2X 1Y4"), ("Halifax", "NS", "B3H 1A1"), ("Guelph", "ON", "N1H 2T3")),
)
JAPAN = Place(
    "JP",
    "JPY",
    "+81 3-5550-01{:02}",
    ("陽菜", "美咲", "蓮", "健太", "さくら", "大輔"),
    ("佐藤", "高橋", "田中", "渡辺", "小林", "山口"),
    ("本町{}丁目", "中央{}-3", "緑ヶ丘{}番地"),
    (("札幌市", "01", "060-0001"), ("仙台市", "04", "980-0811"), ("福岡市", "40", "810-0001")),
)

NORTH_MART = Shop(
    tenant="north-mart",
    prefix="NM",
    channels=("web", "app", "phone"),
    gateways=("cardhouse", "bankline"),
    carriers=("nordpost", "swiftvan"),
    warehouses=("wh-borås", "wh-leipzig"),
    goods=(
        ("NM-LAMP-01", "Desk lamp, birch", 4990),
        ("NM-RUG-12", "Wool rug 120 by 180 cm", 18900),
        ("NM-MUG-04", "Stoneware mugs, set of four", 3200),
        ("NM-SHELF-3", "Wall shelf, three boards", 7450),
        ("NM-BLKT-7", "Lambswool blanket", 8900),
        ("NM-PAN-26", "Cast iron pan 26 cm", 6475),
        ("NM-CHAIR-2", "Dining chair, oak", 12900),
        ("NM-CNDL-9", "Beeswax candles, nine", 1850),
        ("NM-TOWL-2", "Linen towels, pair", 2790),
    ),
    places=(SWEDEN, GERMANY, BRITAIN),
)
BLUE_KIOSK = Shop(
    tenant="blue-kiosk",
    prefix="BK",
    channels=("web", "marketplace", "kiosk"),
    gateways=("paywave", "cardhouse"),
    carriers=("parcelfox", "transglobe"),
    warehouses=("reno-1", "osaka-2"),
    goods=(
        ("BK-CASE-11", "Phone case, clear", 1999),
        ("BK-BUDS-2", "Wireless earbuds", 7999),
        ("BK-CABL-C", "USB-C cable, 2 m", 1299),
        ("BK-PWR-20", "Power bank 20 Ah", 4950),
        ("BK-KEYB-60", "Keyboard, sixty keys", 10900),
        ("BK-MOUS-1", "Vertical mouse", 5450),
        ("BK-STND-4", "Laptop stand", 3890),
        ("BK-CAM-4K", "Webcam 4K", 12900),
    ),
    places=(AMERICA, CANADA, JAPAN),
)
SHOPS = (NORTH_MART, BLUE_KIOSK)

_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0",
)
_BLOCKS = ("192.0.2", "198.51.100", "203.0.113")


def person(rng: Random, shop: Shop, number: int) -> Person:
    """Customer `number` of a shop; the same number and generator give the same person."""
    place = rng.choice(shop.places)
    given, family = rng.choice(place.given), rng.choice(place.family)
    city, region, postal_code = rng.choice(place.towns)
    name = f"{family} {given}" if place is JAPAN else f"{given} {family}"
    customer = {
        "id": f"cust_{shop.prefix.lower()}_{number:05}",
        "email": f"{_mailbox(given, family)}.{number}@{rng.choice(('example.com', 'example.org'))}",
        "name": name,
        "phone": place.phone.format(rng.randrange(100)),
    }
    address = {
        "name": name,
        "line1": rng.choice(place.streets).format(rng.randint(1, 140)),
        "city": city,
        "region": region,
        "postal_code": postal_code,
        "country": place.country,
    }
    ip = f"{rng.choice(_BLOCKS)}.{rng.randint(1, 254)}"
    return Person(customer, address, place.currency, ip, rng.choice(_AGENTS))


def _mailbox(given: str, family: str) -> str:
    parts = (normalize("NFKD", part).encode("ascii", "ignore").decode() for part in (given, family))
    return ".".join(part.lower().replace("'", "") for part in parts if part) or "customer"
