"""Kafka to ClickHouse: the tables, views and migrations, and the process that fills them."""
