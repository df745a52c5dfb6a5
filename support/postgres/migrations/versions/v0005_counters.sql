-- Consumption that follows from meters that only count up.
select 1;
