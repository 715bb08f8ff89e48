"""Templates over other people's data, bounded in steps, characters and time.

Jinja's sandbox keeps a template away from Python's internals and bounds nothing else: its keepers say that resources
are for the operating system to limit. Here each operation that can grow is counted before it is done:

- the syntax tree is rewritten (`rewrite`): a loop's turns, literals of lists, joins, slices and comparisons report to
  the budget, constants are not folded, since Jinja would compute `'a' * 10**9` while compiling;
- binary operators (`operators`), methods of texts (`methods`) and filters (`filters`) are bounded versions, and what is
  not in an allow-list does not exist;
- no container that a template makes may weigh more than the budget's characters (`values.weight`), so that one call
  into C (`==`, `sort`, `str`) cannot take long; the clock is looked at between any two of them.

What leaves a template is JSON: `values.plain` turns tuples into lists and refuses functions.
"""
