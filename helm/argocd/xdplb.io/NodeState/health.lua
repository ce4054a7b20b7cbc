-- Health of a NodeState for Argo CD: red where a node does not get packets, or does not hold what it should.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "is being deleted" }
end
if obj.status == nil then
  return { status = "Progressing", message = "the agent has not reported yet" }
end
local wrong = {}
for _, interface in ipairs(obj.status.interfaces or {}) do
  if not interface.attached then
    table.insert(wrong, interface.name .. " is not attached: " .. (interface.message or interface.reason or ""))
  end
end
for _, exception in ipairs(obj.status.exceptions or {}) do
  if #wrong < 5 then
    table.insert(wrong, exception.namespace .. "/" .. exception.name .. ": " .. exception.reason .. ": " .. (exception.message or ""))
  end
end
for _, duplicate in ipairs(obj.status.announcing and obj.status.announcing.duplicates or {}) do
  if #wrong < 5 then
    table.insert(wrong, duplicate.address .. " is also had by " .. duplicate.mac .. " on " .. duplicate.interface)
  end
end
if #wrong > 0 then
  return { status = "Degraded", message = table.concat(wrong, "; ") }
end
return { status = "Healthy", message = (obj.status.tables or 0) .. " tables" }
