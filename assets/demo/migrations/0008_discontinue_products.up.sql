alter table products add column discontinued integer not null default 0;

create index products_discontinued on products (discontinued);
