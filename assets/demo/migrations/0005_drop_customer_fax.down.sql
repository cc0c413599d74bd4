-- The column comes back, the numbers do not.
alter table customers add column fax text;
