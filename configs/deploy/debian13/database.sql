-- The role and database of Hearthline, and the extension, made by the superuser: psql -v word=PASSWORD -f database.sql
create role hearthline login createrole password :'word';
grant pg_monitor, pg_checkpoint, pg_signal_backend to hearthline;
create database hearthline owner hearthline;
\connect hearthline
create extension if not exists timescaledb;
