-- Health of the Membership for Argo CD: it says who has a vote; what follows from that, LoadBalancers say.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "is being deleted" }
end
return { status = "Healthy", message = "epoch " .. obj.spec.epoch .. " of " .. #obj.spec.members .. " nodes" }
