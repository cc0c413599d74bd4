create table t (id int primary key, name varchar(20)) engine=innodb;
insert into t values (1, 'a'), (2, 'b');
create table u (id int, name varchar(20)) engine=aria;
insert into u values (1, 'u');
create table written (at int);
create sequence s nocache;
select nextval(s);
delimiter //
create function w() returns int begin insert into written values (1); return 1; end //
create function `now`() returns int begin insert into written values (2); return 1; end //
create function `count`(a int) returns int begin insert into written values (3); return 1; end //
create function `trim`(a text) returns int begin insert into written values (4); return 1; end //
create function `substring`(a text, b int) returns int begin insert into written values (5); return 1; end //
create function `sysdate`() returns int begin insert into written values (6); return 1; end //
delimiter ;
create view v_fine as select id, upper(name) as name from t;
create view v_w as select w() as id, 'x' as name;
create view v_over as select * from v_w;
create view v_lock as select get_lock('l', 0) as id;
