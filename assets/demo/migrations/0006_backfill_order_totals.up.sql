-- Each order carries its total, so that lists need not add up the items.
alter table orders add column total_cents integer;

update orders
   set total_cents = (select coalesce(sum(i.quantity * i.price_cents), 0)
                        from order_items i
                       where i.order_id = orders.id);
