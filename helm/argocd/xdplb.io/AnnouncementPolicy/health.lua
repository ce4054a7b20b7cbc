-- Health of an AnnouncementPolicy for Argo CD: red with the reason while it does not announce what it says.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "is being deleted" }
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not seen this version yet" }
end
local ready
for _, c in ipairs(obj.status.conditions or {}) do
  local told = (c.reason or c.type) .. ": " .. (c.message or "")
  if c.type == "Stalled" and c.status == "True" then
    return { status = "Degraded", message = told }
  end
  if c.type == "Ready" then
    ready = c
  end
end
if ready == nil or ready.status == "Unknown" then
  return { status = "Progressing", message = "nothing is known yet" }
end
if ready.status == "True" then
  return { status = "Healthy", message = "" }
end
return { status = "Degraded", message = (ready.reason or "Ready") .. ": " .. (ready.message or "") }
