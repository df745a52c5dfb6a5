-- Rejects with a life: asked to be replayed, replayed, dropped.
select 1;
