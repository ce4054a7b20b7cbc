-- Health of a ForwardingTableSlice for Argo CD: it belongs to its ForwardingTable, and says no more than that does.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "is being deleted" }
end
return { status = "Healthy", message = "of table " .. (obj.spec.table or "") }
