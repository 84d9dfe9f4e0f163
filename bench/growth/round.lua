-- A request to each of so many screens in turn, spread evenly over a project's compositions, in
-- words that nobody has used before: `asked` is no param, so it changes nothing but the line.
local screens, compositions, asked = 0, 0, 0

function init(arguments)
  screens, compositions = tonumber(arguments[1]), tonumber(arguments[2])
end

function request()
  asked = asked + 1
  local key = asked % screens
  local number = math.floor(key * compositions / screens)
  return wrk.format("GET", "/screens/s" .. number .. "/" .. key .. "?asked=" .. asked)
end
