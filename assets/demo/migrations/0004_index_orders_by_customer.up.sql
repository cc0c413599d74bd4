-- The orders of one customer, newest first: today each look-up reads the whole table.
create index orders_customer_placed on orders (customer_id, placed_at);
