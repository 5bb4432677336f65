// Pairs of opposites in English; ../antonyms.ts tells how a line is written.
export const EN = `soft soften|hard harden
accept acceptance accepting agree approve approval|decline declining refuse refusal reject rejection deny
expand expanding expansion|contract shrink contraction
enter entering|leave leaving exit exiting
sitting sit seated|standing stand lying
approved granted|rejected denied refused
raise raising|lower lowering
quit quitting stop stopping stopped gave_up|start starting started took_up resume resuming
rich|poor low
adult adults grown-up|child children baby toddler kitten puppy infant teen
employ hire hiring hired|fire firing fired dismiss
fiction|nonfiction non-fiction
single unmarried|married
vegetarian vegan|meat
dominant|recessive
domestic|international foreign
online|offline in-store in_store in_person
carry|check_in
used second-hand secondhand|new brand-new
recursion recursive recursively|iteration iterative iteratively
blocking|non-blocking nonblocking
local|remote
minor|major
majority|minority
singular|plural
active|passive
transitive|intransitive
concave|convex
acid acidic|alkaline base
solid|liquid gas
evaporate evaporation|condense condensation
melt melting|freeze freezing
inhale|exhale
supply|demand
profit profits|loss losses
revenue income|expense expenses cost costs
gross|net
lender lend|borrower borrow
tenant tenants|landlord landlords owner
buyer|seller
plaintiff|defendant
guilty|innocent
employer employers|employee employees
visible show|hidden hide invisible
undo|redo
mute|unmute
follow|unfollow
subscribe|unsubscribe
zip compress|unzip decompress
wake wake_up|sleep fall_asleep
gain gaining put_on|lose losing
sweet|sour bitter salty
thick|thin
wide|narrow
deep|shallow
loud louder|quiet quieter silent
bright brighter|dark darker dim
rough|smooth
tight|loose
fresh|frozen canned dried stale
raw|cooked
partial partially part-time|full full-time fully
temporary|permanent
voluntary|mandatory compulsory
formal|informal casual
polite|rude blunt
serious|funny
optimistic|pessimistic
arrive arrival arriving|depart departure departing
takeoff take_off|landing land
forward|back backward
upgrade upgrading|downgrade downgrading
promote|demote
invest|withdraw divest
save saving|spend spending waste
earn|spend
import|export
sunrise|sunset
inner|outer
odd|even
prime|composite
hypothyroidism|hyperthyroidism
hypoglycemia hypoglycaemia|hyperglycemia hyperglycaemia
hypotension|hypertension
diarrhea diarrhoea|constipation
benign|malignant
acute|chronic
left-handed|right-handed`;
