create view daily_revenue as
select date(paid_at) as day, count(*) as payments, sum(amount_cents) / 100.0 as revenue
  from payments
 group by date(paid_at);
