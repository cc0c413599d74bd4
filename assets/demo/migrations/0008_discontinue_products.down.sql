drop index products_discontinued;
