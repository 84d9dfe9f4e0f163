"""The words that the sample data is made of; `data.py` picks from them."""

# Words read better as text than as seventy quoted strings.
FIRST_NAMES = (  # noqa: SIM905
    "Ada Amina Anton Beatriz Bo Carmen Chidi Clara Daniel Dilara Elif Emil Esra Fatou Felix Freya "
    "Gita Goran Hana Hugo Ines Ivan Jana Jonas Kaito Karin Lea Liam Lucia Malik Mara Mateo Mina "
    "Nadia Nils Noor Olga Omar Paula Pavel Quinn Rafael Rosa Samir Selma Sven Tala Tomas Uma Vera "
    "Wei Yara Yusuf Zoe"
).split()

LAST_NAMES = (  # noqa: SIM905
    "Abadi Andersen Bauer Bergström Bianchi Castro Chen Demir Diallo Dubois Eriksen Fischer García "
    "Haddad Hoffmann Horvat Ibrahim Ivanova Jansen Kaya Kim Kowalski Kumar Lindqvist Lopes Marino "
    "Mensah Moreau Müller Nakamura Novak Nowak Okafor Olsen Osei Petrov Popescu Ricci Rossi Sato "
    "Schmidt Silva Sokolov Tanaka Torres Vogel Weber Yilmaz Zimmermann"
).split()

CITIES = (
    ("Amsterdam", "NL", "1012"), ("Athens", "GR", "105 57"), ("Barcelona", "ES", "08002"),
    ("Berlin", "DE", "10115"), ("Copenhagen", "DK", "1050"), ("Dublin", "IE", "D02"),
    ("Florence", "IT", "50122"), ("Ghent", "BE", "9000"), ("Helsinki", "FI", "00100"),
    ("Kraków", "PL", "31-007"), ("Lisbon", "PT", "1100-148"), ("Ljubljana", "SI", "1000"),
    ("Lyon", "FR", "69001"), ("Prague", "CZ", "110 00"), ("Vienna", "AT", "1010"),
)  # fmt: skip

STREETS = (
    "Birch Lane", "Canal Street", "Castle Hill", "Harbour Road", "High Street", "Linden Avenue",
    "Market Square", "Mill Road", "Orchard Way", "River Walk", "Station Street", "Tower Street",
)  # fmt: skip

# category → (what there is to buy, the price's range in cents)
CATEGORIES = {
    "audio": (("Headphones", "Speaker", "Radio", "Record Player", "Microphone"), (2900, 34900)),
    "bags": (("Backpack", "Tote", "Messenger Bag", "Suitcase", "Pouch"), (1900, 18900)),
    "desk": (("Desk Lamp", "Notebook", "Pen", "Pencil Case", "Monitor Stand"), (600, 12900)),
    "garden": (("Watering Can", "Planter", "Bench", "Trowel", "Lantern"), (900, 24900)),
    "kitchen": (("Kettle", "Skillet", "Knife", "Bowl", "Cutting Board", "Teapot"), (1200, 15900)),
    "living": (("Armchair", "Blanket", "Side Table", "Vase", "Rug"), (2400, 79900)),
    "outdoor": (("Tent", "Flask", "Sleeping Bag", "Stove", "Headlamp"), (1500, 42900)),
    "toys": (("Puzzle", "Building Blocks", "Kite", "Train Set", "Yo-yo"), (700, 8900)),
}

FINISHES = (
    "Ash", "Bamboo", "Brass", "Canvas", "Ceramic", "Copper", "Cork", "Enamel", "Felt", "Glass",
    "Leather", "Linen", "Oak", "Recycled", "Slate", "Steel", "Walnut", "Wool",
)  # fmt: skip

QUALITIES = (
    "Classic", "Compact", "Everyday", "Folding", "Handmade", "Light", "Little", "Modern", "Nordic",
    "Quiet", "Round", "Simple", "Sturdy", "Tall",
)  # fmt: skip

BRANDS = (
    "Alder & Finch", "Bright Harbour", "Copperline", "Dunes", "Eastwind", "Field Office",
    "Greyhound Works", "Hollow Oak", "Isobar", "Juniper", "Kestrel", "Lumen", "Marlow", "Northbank",
    "Ostrava", "Pebble", "Quarry", "Rook", "Saltmarsh", "Tern",
)  # fmt: skip

OPINIONS = {
    1: ("Broke in the first week.", "Not what the pictures show.", "Sent it back."),
    2: ("Smaller than I thought.", "It works, but it feels cheap.", "The colour is off."),
    3: ("Does what it should.", "Fine for the price.", "Good, though delivery took a while."),
    4: ("Well made, and it arrived quickly.", "Nearly perfect.", "Bought a second one."),
    5: ("I use it every day.", "Exactly right.", "The best I have had.", "Lovely to look at."),
}
