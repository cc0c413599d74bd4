create table customers (
  id integer primary key,
  name text not null,
  email text not null,
  city text not null,
  country text not null,
  joined_at text not null,
  fax text
);

create table products (
  id integer primary key,
  sku text not null unique,
  title text not null,
  price_cents integer not null check (price_cents > 0),
  stock integer not null default 0
);

create table orders (
  id integer primary key,
  customer_id integer not null references customers (id),
  state text not null check (state in ('new', 'paid', 'shipped', 'returned')),
  placed_at text not null,
  note text
);

create table order_items (
  order_id integer not null references orders (id),
  line integer not null,
  product_id integer not null references products (id),
  quantity integer not null check (quantity > 0),
  price_cents integer not null,
  primary key (order_id, line)
) without rowid;
