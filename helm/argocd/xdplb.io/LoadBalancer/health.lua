-- Health of a LoadBalancer for Argo CD: green when every node has proven that it balances the address, and it is
-- announced where a policy says so; red with the reason when something has to be mended. Nodes that are still at work,
-- or behind, are no alarm.
local progressing = { Programming = true, Announcing = true, Pending = true, NodesLagging = true }

local function condition(type)
  for _, c in ipairs(obj.status.conditions or {}) do
    if c.type == type then
      return c
    end
  end
end

local function told(c)
  return (c.reason or c.type) .. ": " .. (c.message or "")
end

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "is being deleted" }
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not seen this version yet" }
end
local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  return { status = "Degraded", message = told(stalled) }
end
local ready = condition("Ready")
if ready == nil or ready.status == "Unknown" then
  return { status = "Progressing", message = ready ~= nil and told(ready) or "nothing is known yet" }
end
if ready.status == "True" then
  return { status = "Healthy", message = table.concat(obj.status.addresses or {}, ", ") }
end
return { status = progressing[ready.reason] and "Progressing" or "Degraded", message = told(ready) }
