"""Chaos: the whole stack under load in real processes that are killed, stopped and redeployed all the while.

What ClickHouse counts in the end is compared with a plain fold over what was published. One module a step:
`plan` (what is published), `schedule` (what goes wrong, when), `cluster` (what runs), `drill` (how it goes),
`settling` (all is counted), `counted`, `truth` and `verdict` (is it right).
"""
