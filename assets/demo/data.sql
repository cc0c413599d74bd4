-- The shop's data, made by arithmetic alone, so that every demo holds the same rows.
-- {customers}, {products} and {orders} are replaced by numbers before it runs. 2654435761 is the multiplier of
-- Knuth's multiplicative hash: it spreads the row numbers.

with recursive n (i) as (select 1 union all select i + 1 from n where i < {customers}),
first (k, name) as (values (0, 'Mira'), (1, 'Jonas'), (2, 'Aiko'), (3, 'Søren'), (4, 'Léa'), (5, 'Ravi'), (6, 'Zofia'), (7, 'Tomás'),
  (8, '美咲'), (9, 'Ebru'), (10, 'Noah'), (11, 'Chiara'), (12, 'Olga'), (13, 'Kofi'), (14, 'Hana'), (15, 'Émile')),
last (k, name) as (values (0, 'Keller'), (1, 'Okafor'), (2, 'Lindqvist'), (3, '佐藤'), (4, 'Moreau'), (5, 'Nowak'), (6, 'Silva'),
  (7, 'Haddad'), (8, 'O''Brien'), (9, 'Weiß'), (10, 'Petrov'), (11, 'Ito'), (12, 'Fischer'), (13, 'Rossi'), (14, 'Yılmaz'), (15, 'Adeyemi')),
place (k, city, country) as (values (0, 'Hamburg', 'DE'), (1, 'Lyon', 'FR'), (2, 'Kraków', 'PL'), (3, 'Ōsaka', 'JP'), (4, 'Porto', 'PT'),
  (5, 'Malmö', 'SE'), (6, 'İzmir', 'TR'), (7, 'Lagos', 'NG'))
insert into customers (id, name, email, city, country, joined_at, fax)
select n.i,
       (select name from first where k = (n.i * 2654435761 / 7) % 16) || ' ' || (select name from last where k = (n.i * 2654435761 / 131) % 16),
       'Customer.' || n.i || '@Example.org',
       (select city from place where k = (n.i * 2654435761 / 2053) % 8),
       (select country from place where k = (n.i * 2654435761 / 2053) % 8),
       datetime('2023-01-01', '+' || ((n.i * 2654435761 + 40503) % 1000000) || ' minutes'),
       case when n.i % 5 = 0 then '+49 40 ' || (100000 + (n.i * 2654435761) % 899999) end
  from n
 order by n.i;

with recursive n (i) as (select 1 union all select i + 1 from n where i < {products}),
adjective (k, word) as (values (0, 'Copper'), (1, 'Quiet'), (2, 'Folding'), (3, 'Enamel'), (4, 'Walnut'), (5, 'Linen'), (6, 'Tall'), (7, 'Blue')),
noun (k, word) as (values (0, 'kettle'), (1, 'lamp'), (2, 'chair'), (3, 'shelf'), (4, 'notebook'), (5, 'teapot'), (6, 'blanket'), (7, 'clock'))
insert into products (id, sku, title, price_cents, stock)
select n.i,
       printf('SKU-%05d', n.i),
       adjective.word || ' ' || noun.word || ' No. ' || n.i,
       490 + (n.i * 2654435761) % 19500,
       (n.i * 2654435761 / 97) % 400
  from n
  join adjective on adjective.k = n.i % 8
  join noun on noun.k = (n.i / 8) % 8
 order by n.i;

with recursive n (i) as (select 1 union all select i + 1 from n where i < {orders})
insert into orders (id, customer_id, state, placed_at, note)
select i,
       -- The product of two even spreads: a few customers order often, most seldom.
       1 + ((i * 2654435761 / 11) % {customers}) * ((i * 2654435761 / 4099) % {customers}) / {customers},
       case when (i * 2654435761 / 17) % 100 < 8 then 'new'
            when (i * 2654435761 / 17) % 100 < 30 then 'paid'
            when (i * 2654435761 / 17) % 100 < 95 then 'shipped'
            else 'returned' end,
       datetime('2024-01-01', '+' || (i * 25) || ' minutes'),
       case when i % 37 = 0 then 'Leave at the neighbour''s, please' end
  from n;

insert into order_items (order_id, line, product_id, quantity, price_cents)
select o.id, l.line, p.id, 1 + (o.id * 2654435761 / (19 + l.line)) % 3, p.price_cents
  from orders o
  join (select 1 as line union all select 2 union all select 3 union all select 4) l
    on l.line <= 1 + (o.id * 2654435761 / 23) % 4
  join products p on p.id = 1 + (o.id * 2654435761 / (29 + 7 * l.line)) % {products}
 order by o.id, l.line;

insert into payments (order_id, amount_cents, method, paid_at)
select o.id,
       (select sum(i.quantity * i.price_cents) from order_items i where i.order_id = o.id),
       case (o.id * 2654435761 / 31) % 3 when 0 then 'card' when 1 then 'invoice' else 'transfer' end,
       datetime(o.placed_at, '+' || (10 + (o.id * 2654435761 / 37) % 2880) || ' minutes')
  from orders o
 where o.state <> 'new'
 order by o.id;

analyze;
