-- The reviewed projection: all that the public may see, and nothing else.
--
-- A view here is a decision to publish. Left out on purpose: positions of homes, heated areas, numbers
-- of homes, rooms and what is measured in them, devices and their names, pressures, flows, energy, rules and their evidence, the journal, people.
-- A rule that is not named in portal.notice is not published. Numbers are rounded to 0.1 kelvin, times of
-- notices to the minute. Views read with the rights of their owner; the role of the portal is granted the
-- views listed at the end by name, so that a view added above stays unpublished until somebody says so.
-- The file runs as one transaction and builds the schema anew each time.

create schema if not exists portal;

do $$
declare
    old record;
begin
    for old in select viewname from pg_views where schemaname = 'portal' loop
        execute format('drop view if exists portal.%I cascade', old.viewname);
    end loop;
end $$;

create view portal.city with (security_barrier) as
select name, title_zh, title_en, timezone, simulated, season_zh, season_en, attribution
from public.city;

create view portal.community with (security_barrier) as
select
    c.name, c.title_zh, c.title_en,
    d.name as district, d.title_zh as district_zh, d.title_en as district_en,
    d.city,
    s.title_zh as station_zh, s.title_en as station_en
from public.community c
join public.station s on s.name = c.station
join public.district d on d.name = s.district;

-- Unpublished: bits of the quality word that the portal looks at.
create view portal.quality_bit as
select
    max(bit) filter (where name = 't_sec_supply') as t_supply,
    max(bit) filter (where name = 't_sec_supply_setpoint') as t_target,
    max(bit) filter (where name = 't_outdoor') as t_outdoor
from public.point
where kind = 'heat_substation';

-- Unpublished: of a community's station, the active device that reported last, heard in the last 7 days.
create view portal.newest as
select c.name as community, n.device_id, n.interval_s, n.heard_at
from public.community c
cross join lateral (
    select d.device_id, coalesce(d.interval_s, 10) as interval_s, r.ts as heard_at
    from public.device d
    cross join lateral (
        select r.ts
        from public.readings_heat_substation r
        where r.device_id = d.device_id and r.ts > now() - interval '7 days'
        order by r.ts desc
        limit 1
    ) r
    where d.station = c.station and d.kind = 'heat_substation' and d.status = 'active'
    order by r.ts desc
    limit 1
) n;

-- The newest good value of each point, carried forward for its hold: the set-point comes on change and every
-- 15 minutes (hold 45), the outdoor temperature every minute or more slowly. The water's temperature is shown
-- with the time at which it was read; whether that is recent enough is for the reader to judge.
create view portal.current with (security_barrier) as
select
    n.community, n.heard_at, n.interval_s,
    supply.ts as read_at,
    round(supply.value::numeric, 1)::float8 as t_supply,
    round(target.value::numeric, 1)::float8 as t_target,
    round(outdoor.value::numeric, 1)::float8 as t_outdoor
from portal.newest n
cross join portal.quality_bit q
left join lateral (
    select r.ts, r.t_sec_supply as value
    from public.readings_heat_substation r
    where r.device_id = n.device_id and r.ts between n.heard_at - interval '1 hour' and n.heard_at
        and r.t_sec_supply is not null and (r.quality >> q.t_supply) & 1 = 0
    order by r.ts desc
    limit 1
) supply on true
left join lateral (
    select r.t_sec_supply_setpoint as value
    from public.readings_heat_substation r
    where r.device_id = n.device_id and r.ts between n.heard_at - interval '45 minutes' and n.heard_at
        and r.t_sec_supply_setpoint is not null and (r.quality >> q.t_target) & 1 = 0
    order by r.ts desc
    limit 1
) target on true
left join lateral (
    select r.t_outdoor as value
    from public.readings_heat_substation r
    where r.device_id = n.device_id and r.ts between n.heard_at - interval '10 minutes' and n.heard_at
        and r.t_outdoor is not null and (r.quality >> q.t_outdoor) & 1 = 0
    order by r.ts desc
    limit 1
) outdoor on true;

-- The last 48 hours in steps of 10 minutes: rollups, and from the newest of them on (less 20 minutes, in case
-- they are still being recomputed) the readings themselves.
create view portal.history with (security_barrier) as
select
    n.community, h.bucket as at,
    round(h.mean::numeric, 1)::float8 as t_supply,
    round(h.low::numeric, 1)::float8 as t_supply_low,
    round(h.high::numeric, 1)::float8 as t_supply_high,
    round(h.target::numeric, 1)::float8 as t_target
from portal.newest n
cross join portal.quality_bit q
cross join lateral (
    select coalesce(max(b.bucket) - interval '20 minutes', now() - interval '48 hours') as raw_from
    from public.rollup_heat_substation_10m b
    where b.device_id = n.device_id and b.bucket > now() - interval '48 hours'
) edge
cross join lateral (
    select
        b.bucket, b.t_sec_supply_mean as mean, b.t_sec_supply_min as low, b.t_sec_supply_max as high,
        b.t_sec_supply_setpoint_mean as target
    from public.rollup_heat_substation_10m b
    where b.device_id = n.device_id and b.bucket > now() - interval '48 hours' and b.bucket < edge.raw_from
    union all
    select
        date_bin('10 minutes', r.ts, '2000-01-03 00:00+00'),
        avg(r.t_sec_supply) filter (where (r.quality >> q.t_supply) & 1 = 0),
        min(r.t_sec_supply) filter (where (r.quality >> q.t_supply) & 1 = 0),
        max(r.t_sec_supply) filter (where (r.quality >> q.t_supply) & 1 = 0),
        avg(r.t_sec_supply_setpoint) filter (where (r.quality >> q.t_target) & 1 = 0)
    from public.readings_heat_substation r
    where r.device_id = n.device_id and r.ts >= greatest(edge.raw_from, now() - interval '48 hours')
    group by 1
) h;

-- What is wrong now, in plain categories: nothing of the rule's inner numbers.
create view portal.notice with (security_barrier) as
select
    c.name as community,
    w.category,
    date_trunc('minute', min(a.opened_at)) as since,
    bool_and(a.acknowledged_at is not null) as confirmed
from public.community c
join public.alarm a on a.station = c.station
join (
    values
    ('supply_off_setpoint', 'temperature'),
    ('return_pressure_low', 'pressure'),
    ('sensor_out_of_range', 'measurement'),
    ('device_silent', 'silence')
) w (rule, category) on w.rule = a.rule
where a.cleared_at is null and a.suppressed_by is null
    -- What happens in somebody's rooms is nobody else's concern.
    and not exists (select from public.device d where d.name = a.device and d.room is not null)
    -- A station is silent when all its devices of that kind are: one silent device beside others is the operators' concern.
    and (a.rule <> 'device_silent' or not exists (
        select from public.device d join public.device silent on silent.name = a.device
        where d.station = a.station and d.kind = silent.kind and d.status = 'active' and not exists (
            select from public.alarm other
            where other.rule = 'device_silent' and other.device = d.name and other.cleared_at is null
        )
    ))
group by c.name, w.category;

-- Of the last 24 hours, up to the last interval that is surely over: in how many intervals there was at least one
-- good temperature of the water. An interval is 10 minutes, or as many times 10 minutes as a slower device needs.
create view portal.availability with (security_barrier) as
select
    c.name as community, d.city,
    floor(extract(epoch from interval '24 hours') / extract(epoch from cadence.slot))::int as intervals,
    (
        select count(distinct date_bin(cadence.slot, b.bucket, '2000-01-03 00:00+00'))
        from public.device v
        join public.rollup_heat_substation_10m b on b.device_id = v.device_id
        where v.station = s.name and v.kind = 'heat_substation' and v.status = 'active'
            and b.bucket < span.until
            and b.bucket >= span.until
                - cadence.slot * floor(extract(epoch from interval '24 hours') / extract(epoch from cadence.slot))::float8
            and b.t_sec_supply_n > 0
    )::int as with_data
from public.community c
join public.station s on s.name = c.station
join public.district d on d.name = s.district
cross join lateral (
    select make_interval(mins => 10 * greatest(1, least(144, ceil(coalesce(min(v.interval_s), 10) / 600)))::int) as slot
    from public.device v
    where v.station = s.name and v.kind = 'heat_substation' and v.status = 'active'
) cadence
cross join lateral (
    select date_bin(cadence.slot, now() - interval '10 minutes', '2000-01-03 00:00+00') as until
) span;

do $$
begin
    if exists (select from pg_roles where rolname = 'hearthline_portal') then
        grant usage on schema portal to hearthline_portal;
        grant select on
            portal.city, portal.community, portal.current, portal.history, portal.notice, portal.availability
        to hearthline_portal;
    end if;
end $$;
