-- What devices number: running numbers that are settled, and gaps that never arrived.
select 1;
