"""`python -m house`: print rooms, floors, arrows and walks as Markdown."""

from house.rooms import House, Room, read_house
from house.walks import Walk, walk_requests


def main() -> None:
    """Print the report."""
    for line in (*_draw_floors(read_house()), *_draw_walks(walk_requests())):
        print(line)


def _draw_floors(house: House) -> list[str]:
    files = sum(room.files for room in house.rooms)
    lines = sum(room.lines for room in house.rooms)
    mutual = house.mutual_arrows()
    return [
        f"{len(house.rooms)} rooms with {files} files of {lines} lines,"
        f" {sum(house.arrows.values())} imports from room to room,"
        f" {len(mutual)} pairs of rooms that import each other"
        f"{'' if not mutual else ': ' + ', '.join(' ↔ '.join(pair) for pair in mutual)}.",
        "",
        "| floor | room | files | lines | largest | imports rooms | imported by rooms |",
        "|--:|---|--:|--:|--:|--:|--:|",
        *(_draw_room(house, room) for room in house.rooms),
        "",
        "| from | to |",
        "|---|---|",
        *(_draw_part(house, part) for part in house.floors if house.imports_of(part)),
        "",
    ]


def _draw_room(house: House, room: Room) -> str:
    below = sum(importer == room.name for importer, _ in house.arrows)
    above = sum(imported == room.name for _, imported in house.arrows)
    return (
        f"| {house.floors[room.part]} | {room.name} | {room.files} | {room.lines}"
        f" | {room.largest} | {below} | {above} |"
    )


def _draw_part(house: House, part: str) -> str:
    imports = ", ".join(f"{name} {count}" for name, count in house.imports_of(part).items())
    return f"| {part} | {imports} |"


def _draw_walks(walks: list[Walk]) -> list[str]:
    return [
        "| request | files | functions | the files, in the order in which they are entered |",
        "|---|--:|--:|---|",
        *(
            f"| {walk.title} | {len(walk.files)} | {walk.functions} | {' → '.join(walk.files)} |"
            for walk in walks
        ),
    ]


if __name__ == "__main__":
    main()
