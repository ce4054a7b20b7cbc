-- wrk as fast as it can takes all of a small machine, and what is tested would starve: a pause of some
-- milliseconds before each request.
function delay()
  return math.random(5, 25)
end
