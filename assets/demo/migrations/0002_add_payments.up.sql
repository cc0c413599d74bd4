create table payments (
  id integer primary key,
  order_id integer not null references orders (id),
  amount_cents integer not null,
  method text not null,
  paid_at text not null
);

create index payments_order_id on payments (order_id);
