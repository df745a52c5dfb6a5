-- What each device may do: its credential.
select 1;
