-- Health of a ForwardingTable for Argo CD: it says what should be, and has no status; whether it is so, its
-- LoadBalancer says.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "is being deleted" }
end
return { status = "Healthy", message = "table " .. string.sub(obj.spec.tableHash or "", 1, 12) }
