"""The tree of an expression: its nodes, each with its place in the text.

kind                          value                         children
`field`                       the name
`current` `root` `identity`   (`@`, `$`, and what stands for `@` where nothing is written)
`variable`                    its name, without `$`
`literal`                     a JSON value
`index`                       an integer
`slice`                       (start, stop, step), each an integer or None
`subexpression` `pipe`                                      what is applied, one after the other
`index_expression`                                          a base, then indexes, or one slice
`flatten`                                                   a base
`projection`                                                a base, what is read of each element
`value_projection`                                          a base, what is read of each value
`filter_projection`                                         a base, what is read, the condition
`unless_null`                                               what is evaluated unless `@` is null
`multi_select_list`                                         the elements
`multi_select_dict`                                         `key_val_pair`s
`key_val_pair` `binding`      the key, the variable         one
`or_expression`                                             two or more
`and_expression`                                            two or more
`not_expression` `expref`                                   one
`comparator`                  `==` `!=` `<` `<=` `>` `>=`   two
`arithmetic`                  `+` `-` `*` `/` `//` `%`      two
`sign`                        `+` `-`                       one
`ternary`                                                   the condition, then, else
`let_expression`                                            `binding`s, then the body
`function_expression`         the name                      the arguments
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the tree; frozen, so that one parse serves the checker, the compiler and the key.

    `start` and `end` are offsets in characters within the expression's source.
    """

    kind: str
    value: Any = None
    children: tuple["Node", ...] = ()
    start: int = 0
    end: int = 0
