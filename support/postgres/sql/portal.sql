-- The sources of the public projection: what configs/disclosure.toml may publish.
--
-- A view here is no decision to publish. The declaration says which columns of which of these views leave, how they are
-- rounded, and who reviewed that; support.postgres.publishing builds the views of the schema `portal` from it, checks
-- that no other column stands there, and grants them to the role of the portal, which can read nothing else. Left out
-- on purpose: positions of homes, heated areas, numbers of homes, single rooms and what is measured in them, devices and
-- their names, pressures, flows, energy, rules and their evidence, the journal, people. A rule that is not named in
-- portal_source.notice is not published. Views read with the rights of their owner.
-- The file runs as one transaction and builds both schemas anew each time.

create schema if not exists portal;
create schema if not exists portal_source;

do $$
declare
    old record;
begin
    for old in select schemaname, viewname from pg_views where schemaname in ('portal', 'portal_source') loop
        execute format('drop view if exists %I.%I cascade', old.schemaname, old.viewname);
    end loop;
end $$;

create view portal_source.city as
select name, title_zh, title_en, timezone, simulated, season_zh, season_en, attribution
from public.city;

create view portal_source.community as
select
    c.name, c.title_zh, c.title_en,
    d.name as district, d.title_zh as district_zh, d.title_en as district_en,
    d.city,
    s.title_zh as station_zh, s.title_en as station_en,
    c.lat, c.lon
from public.community c
join public.station s on s.name = c.station
join public.district d on d.name = s.district;

-- Unpublished: bits of the quality word that the portal looks at.
create view portal_source.quality_bit as
select
    max(bit) filter (where name = 't_sec_supply') as t_supply,
    max(bit) filter (where name = 't_sec_supply_setpoint') as t_target,
    max(bit) filter (where name = 't_outdoor') as t_outdoor
from public.point
where kind = 'heat_substation';

-- Unpublished: of a community's station, the active device that reported last, heard in the last 7 days.
create view portal_source.newest as
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
create view portal_source.current as
select
    n.community, n.heard_at, n.interval_s,
    supply.ts as read_at,
    supply.value as t_supply,
    target.value as t_target,
    outdoor.value as t_outdoor
from portal_source.newest n
cross join portal_source.quality_bit q
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
create view portal_source.history as
select
    n.community, h.bucket as at,
    h.mean as t_supply,
    h.low as t_supply_low,
    h.high as t_supply_high,
    h.target as t_target
from portal_source.newest n
cross join portal_source.quality_bit q
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
create view portal_source.notice as
select
    c.name as community,
    w.category,
    min(a.opened_at) as since,
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
create view portal_source.availability as
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

-- The rooms of a community over one hour that ended ten minutes ago: never of fewer than three, so that no figure is a
-- home's. The number of sampled rooms is told in any case.
create view portal_source.rooms as
select
    c.name as community, count(m.mean)::int as rooms,
    case when count(m.mean) >= 3 then percentile_cont(0.5) within group (order by m.mean) end as median_c,
    case when count(m.mean) >= 3 then min(m.mean) end as low_c,
    case when count(m.mean) >= 3 then max(m.mean) end as high_c,
    max(m.until) as until
from public.community c
join public.building b on b.community = c.name
join public.room o on o.building = b.name
join public.device d on d.room = o.name and d.kind = 'room_climate' and d.status = 'active'
left join lateral (
    select avg(x.t_indoor_mean) as mean, max(x.bucket) + interval '10 minutes' as until
    from public.rollup_room_climate_10m x
    where x.device_id = d.device_id and x.t_indoor_n > 0
        and x.bucket between now() - interval '80 minutes' and now() - interval '20 minutes'
) m on true
group by c.name;

-- The last seven days by the hour.
create view portal_source.week as
select n.community, h.bucket as at, h.t_sec_supply_mean as t_supply, h.t_sec_supply_setpoint_mean as t_target
from portal_source.newest n
join public.rollup_heat_substation_1h h
    on h.device_id = n.device_id and h.bucket > now() - interval '7 days 1 hour';

-- How warm the homes were, day by day, and the refund that the rules give. `measurements` are counted, never shown; of
-- fewer than three sensors there is no figure. A refund that rests on them alone is said without the temperature.
create view portal_source.service_day as
select
    s.community, s.day, s.rooms, s.hours,
    case when s.rooms >= 3 then s.median_c end as median_c,
    case when s.rooms >= 3 then s.degree_hours end as degree_hours,
    s.measurements, s.in_season, s.basis, s.refund_percent, s.refund_yuan_m2, s.rule_from
from public.service_day s
where s.day > (now() - interval '200 days')::date;

-- Bodies that answer for work: roles, never people. What each has promised and kept in ninety days.
create view portal_source.body as
select
    b.code, b.title_zh, b.title_en,
    count(w.work_order_id) filter (where w.state = 'verified')::int as finished,
    count(w.work_order_id) filter (
        where w.state = 'verified' and coalesce(w.done_at, w.closed_at) <= w.due_at
    )::int as in_time,
    count(w.work_order_id) filter (where w.closed_at is null)::int as under_way,
    count(w.work_order_id) filter (where w.closed_at is null and w.due_at < now())::int as overdue
from public.body b
left join public.work_order w
    on w.body = b.code and (w.closed_at is null or w.closed_at > now() - interval '90 days')
group by b.code, b.title_zh, b.title_en;

-- Work under way at the station of a community: whose it is, since when, and until when it is promised.
create view portal_source.work as
select
    c.name as community, w.body, b.title_zh as body_zh, b.title_en as body_en,
    r.title_zh as duty_zh, r.title_en as duty_en,
    w.opened_at as since, w.due_at as due,
    case
        when w.state in ('on_the_way', 'on_site') then 'under_way'
        when w.state = 'done' then 'done'
        else 'waiting'
    end as step
from public.community c
join public.work_order w on w.station = c.station
join public.body b on b.code = w.body
join public.responsibility r on r.code = w.responsibility and r.valid_from = w.responsibility_from
where w.closed_at is null;

-- The responsibility list, with what was in force before and what will be.
create view portal_source.duty as
select
    r.code, r.valid_from, r.valid_until, r.title_zh, r.title_en, r.body, b.title_zh as body_zh, b.title_en as body_en,
    (select string_agg(o.title_zh, '、' order by o.code) from public.body o where o.code = any(r.supporting))
        as supporting_zh,
    (select string_agg(o.title_en, '; ' order by o.code) from public.body o where o.code = any(r.supporting))
        as supporting_en,
    r.area, r.respond_h[1] as respond_urgent_h, r.respond_h[2] as respond_soon_h, r.respond_h[3] as respond_later_h,
    r.repair_h[1] as repair_urgent_h, r.repair_h[2] as repair_soon_h, r.repair_h[3] as repair_later_h,
    r.legal_zh, r.legal_en
from public.responsibility r
join public.body b on b.code = r.body;

-- The system's own results of thirty days, per city: good and bad alike.
create view portal_source.result as
select
    y.name as city,
    count(a.alarm_id)::int as alarms,
    count(a.acknowledged_at)::int as acknowledged,
    percentile_cont(0.5) within group (order by extract(epoch from a.acknowledged_at - a.recorded_at) / 60)
        as acknowledge_min,
    count(*) filter (where a.alarm_id is not null and a.cleared_at is null)::int as standing,
    (
        select count(*) from public.work_order w
        join public.station ws on ws.name = w.station join public.district wd on wd.name = ws.district
        where wd.city = y.name and w.opened_at > now() - interval '30 days'
    )::int as orders,
    (
        select count(*) from public.work_order w
        join public.station ws on ws.name = w.station join public.district wd on wd.name = ws.district
        where wd.city = y.name and w.opened_at > now() - interval '30 days' and w.state = 'verified'
    )::int as orders_finished,
    (
        select count(*) from public.work_order w
        join public.station ws on ws.name = w.station join public.district wd on wd.name = ws.district
        where wd.city = y.name and w.opened_at > now() - interval '30 days' and w.state = 'verified'
            and coalesce(w.done_at, w.closed_at) <= w.due_at
    )::int as orders_in_time,
    (
        select count(*) from public.work_order w
        join public.station ws on ws.name = w.station join public.district wd on wd.name = ws.district
        where wd.city = y.name and w.closed_at is null and w.due_at < now()
    )::int as orders_overdue
from public.city y
left join public.district d on d.city = y.name
left join public.station s on s.district = d.name
left join public.alarm a on a.station = s.name and a.opened_at > now() - interval '30 days'
group by y.name;

-- Emergencies: who leads, who supports, which communities; of the timeline what was marked public; alerts as sent.
create view portal_source.emergency as
select
    e.number, e.city, e.title_zh, e.title_en, b.title_zh as lead_zh, b.title_en as lead_en,
    (select string_agg(o.title_zh, '、' order by o.code) from public.body o where o.code = any(e.supporting))
        as supporting_zh,
    (select string_agg(o.title_en, '; ' order by o.code) from public.body o where o.code = any(e.supporting))
        as supporting_en,
    e.communities, e.declared_at, e.over_at
from public.emergency e
join public.body b on b.code = e.lead
where e.over_at is null or e.over_at > now() - interval '400 days';

create view portal_source.emergency_entry as
select e.number, t.at, b.title_zh as body_zh, b.title_en as body_en, t.title_zh, t.title_en
from public.emergency_entry t
join public.emergency e on e.emergency_id = t.emergency_id
join public.body b on b.code = t.body
where t.public;

create view portal_source.alert as
select a.identifier, e.number, a.msg_type, a.sent, a.title_zh, a.title_en, a.xml
from public.public_alert a
join public.emergency e on e.emergency_id = a.emergency_id;
