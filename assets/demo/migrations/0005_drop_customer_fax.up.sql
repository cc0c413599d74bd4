-- Nobody sends a fax any more.
alter table customers drop column fax;
