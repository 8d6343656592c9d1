"""The decisions of the stream: pure functions and values, in the order an event meets them.

decoding -> deduplication -> definitions and matching -> aggregation -> chunk -> rows
"""
