drop index orders_customer_placed;
