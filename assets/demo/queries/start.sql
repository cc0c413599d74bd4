-- F5 runs the statement under the cursor, F6 plans it, F7 measures it.
-- The newest orders of a customer: no index, so all orders are read.
select id, state, placed_at
  from orders
 where customer_id = 42
 order by placed_at desc
 limit 20;

-- Best customers by revenue.
select c.name, c.city, count(*) as orders, sum(p.amount_cents) / 100.0 as revenue
  from customers c
  join orders o on o.customer_id = c.id
  join payments p on p.order_id = o.id
 where o.state = 'shipped'
 group by c.id
 order by revenue desc
 limit 20;
