"""How shoppers ask for each intent in English. Training uses SEEN, evaluation HELD_OUT too."""

from demo_model.language.grammar import table

REFERENCES = ("it", "this", "this product", "this item", "the product", "this thing")

SEEN = table("""
what: What is shown here | Can you tell which product this is | Can you identify what this is |
    Tell me what the photo shows | What do we see in this picture | Please identify {it} |
    What is this | What is {it} | What's this | What is in the picture | What is in the photo |
    What product is this | What do you see | Can you tell me what {it} is |
    Identify this product | What am I looking at | What kind of product is this |
    What does the photo show | Name this item | What item is shown here | Tell me what this is |
    What's in this image
brand: Which brand is this from | Can you see a brand | Can you see which brand {it} is |
    What brand does {it} come from | What brand is {it} | Which brand is {it} |
    What is the brand | Who makes {it} | What's the brand of {it} | Can you tell the brand |
    Which brand made {it} | Is there a brand | What brand | Do you recognise the brand |
    Tell me the brand
colour: Tell me the colour of {it} | What is the colour of {it} | Tell me which colour {it} is |
    What color is the product | What colour is {it} | What color is {it} | Which colour is {it} |
    What is the colour | What's the color of {it} | What colour | Tell me the colour |
    What is the main color | Which color is {it} | What colour does {it} have
material: Which material do you see | Tell me the material of {it} |
    Tell me what material {it} is | Which material is used for {it} | What is {it} made of |
    What material is {it} | Which material is {it} made of | What is the material |
    What's {it} made of | What fabric is {it} | What material |
    What does {it} seem to be made from | Tell me the material | What's the material of {it}
genuine:leather: Is it truly leather | Is that genuine leather | Is the leather real |
    Is {it} real leather | Is {it} genuine leather | Is this real leather | Is that leather real |
    Is {it} made of real leather | Real leather or not | Is it leather
genuine:cotton: Is {it} pure cotton | Is {it} 100% cotton | Is {it} made of pure cotton
genuine:wood: Is {it} solid wood | Is {it} real wood | Is {it} made of solid wood
pattern: Is there a pattern | Which pattern is it | What pattern is on {it} |
    Is there any print on {it} | What pattern does {it} have | What pattern is {it} |
    Does {it} have a pattern | What is the pattern | What print does {it} have |
    Is {it} plain or patterned | Which pattern is on {it} | What's the pattern like
style: Tell me the style | Which style is this | What style would you say {it} is |
    What style is {it} | What is the style of {it} | What's the style | Which style is {it} |
    How would you describe the style | What style does {it} have | What kind of style is {it} |
    Is there a style to {it}
audience: What sort of person would use {it} | Who is {it} suited to | Whom does {it} suit |
    Who should use {it} | Whom would {it} suit | Who would {it} suit | Who is {it} for |
    Who is {it} good for | For whom is {it} | Who would like {it} | Who could use {it} |
    What kind of person is {it} for | Who should I give {it} to
gift: Would {it} be a good present for my {who} | Is {it} a good present for my {who} |
    Would {it} be right for my {who} | Is {it} a nice gift for my {who} |
    Is {it} a good gift for my {who} | Would {it} suit my {who} | Is {it} suitable for my {who} |
    Would my {who} like {it} | Can I give {it} to my {who} | Is {it} right for my {who} |
    Does {it} suit my {who} | Is {it} good for my {who} | Should I buy {it} for my {who} |
    Would {it} make a nice present for my {who} | Could I gift {it} to my {who}
occasion: Which occasions is {it} for | When could I use {it} | Which occasion would {it} suit |
    What occasion is {it} for | When would I use {it} | What is {it} good for |
    What occasions does {it} suit | Where would I use {it} | When should I use {it} |
    For which occasion is {it} | What can I use {it} for
price: Tell me how much {it} is | What would it cost me | How much would {it} be |
    What price is {it} | Tell me its price | How much is {it} | How much does {it} cost |
    What is the price | What's the price of {it} | Is {it} expensive | What does {it} cost
size: What are its dimensions | Tell me the size | Tell me how big {it} is |
    What are the measurements | How big is {it} | What size is {it} | What are the dimensions |
    How large is {it} | How tall is {it} | What is the size of {it}
stock: Is {it} still in stock | Can I still get {it} | Are there any left |
    Is {it} available now | Is {it} in stock | Do you have {it} in stock | Is {it} available |
    When will {it} ship | How many are left
authentic: Is {it} the authentic one | Is it an authentic one | Is this a genuine product |
    Are you sure {it} is authentic | Is {it} authentic | Is {it} genuine | Is {it} fake |
    Is {it} an original | Is {it} a counterfeit | Is {it} the real thing
describe: Describe this for me | Describe what you see | Describe what is in the photo |
    Please tell me about {it} | Describe {it} | Give me details of {it} | Tell me about {it} |
    Describe this picture | Give me a description | Can you describe {it} |
    What can you say about {it} | Write a product description | Tell me more about {it} |
    Summarise this product | Describe the product in the photo
match: Does the image show {claim} | Would you call this {claim} |
    Does this picture show {claim} | Can you see {claim} here |
    Would you agree that {it} is {claim} | Is what you see {claim} | Is this {claim} |
    Is {it} {claim} | Does the photo show {claim} | Is that {claim} | Is this a photo of {claim} |
    Do you see {claim} | Does this match "{claim}" | Is the product in the photo {claim} |
    Do you think {it} is {claim} | Would you say {it} could be {claim} | Could this be {claim} |
    Would you say the photo shows {claim} | Is it fair to call this {claim} |
    Would you describe this as {claim} | Do you agree that this is {claim} |
    Would you recognise this as {claim}
not_visible: Is {it} waterproof | Can I wash {it} | Where is {it} made | Is there a warranty |
    Can I return {it} | Is shipping free | Is {it} durable | Will {it} fade | Is {it} breathable |
    Does {it} smell | Is {it} safe for kids | Is {it} comfortable
not_visible_claim: Is this {claim} | Is it {claim} | Is {it} {claim} | Is that {claim} | {claim}
verdict: Is this {claim}? Answer yes or no | Answer only yes or no: is this {claim} |
    Does the photo show {claim}? Yes or no | Does this match "{claim}"? Answer yes or no |
    Answer yes or no: does the photo show {claim}
text: What is written here | Which words can you see | What can you read on {it} |
    What words can you read | What does {it} say | What is written on {it} |
    What words are on {it} | What does the label say | Is there any text | Read the text |
    What text can you see | Which word is on {it} | Can you read the label
greet: Hello | Hi | Hey there | Good morning | Hi there | Hello, are you there | Hey
thanks: Thanks | Thank you | Great, thanks | Thank you very much | OK, thanks | Perfect, thank you
offtopic: What is the weather today | Tell me a joke | What time is it | Write a poem |
    What is the capital of France | Can you sing | What is one plus one | Recommend a film |
    Write some code | Will it rain tomorrow
who: Who are you | What model are you | What is your name | What can you do | Are you a robot |
    Introduce yourself
count: How many products can you see | How many products does the photo show |
    How many products are there | How many items are in the photo |
    What items are in the picture | How many things do you see | Which products are in the photo
absent: Which colour does the {thing} have | Which material is the {thing} |
    What is the brand of the {thing} |
    What is the style of the {thing} | Where is the {thing} | What colour is the {thing} |
    What is the material of the {thing} | What is the pattern of the {thing} |
    What is the main colour of the {thing} | Tell me the colour of the {thing} |
    What's the color of the {thing} | What pattern does the {thing} have |
    What is the {thing} made of | What brand is the {thing} | Whom would the {thing} suit
presence: Is there {a_thing} here | Can {a_thing} be seen here |
    Is there {a_thing} in this image | Does the picture have {a_thing} |
    Is there {a_thing} in the photo | Do you see {a_thing} | Can you see {a_thing} |
    Does the photo have {a_thing} | Is {a_thing} in the picture
steak: Can I cook steak in it | Can I cook a steak with {it} | Can I fry a steak in {it} |
    Can I fry a steak with {it} | Is {it} good for frying steak | Could I cook a steak in {it} |
    Is this good for steak
""")

HELD_OUT = table("""
what: What is shown in this picture | Can you identify {it} | Tell me what you see
brand: Which brand does {it} come from | Can you see the brand of {it}
colour: Tell me what colour {it} is | What is the color of {it}
material: Which material is {it} | Tell me what {it} is made of
genuine:leather: Is {it} true leather | Is the leather genuine
pattern: Which pattern does {it} have | Is there a pattern on {it}
style: Which style does {it} have | Tell me the style of {it}
audience: Who does {it} suit | Who would use {it}
gift: Would {it} be a good gift for my {who} | Is {it} a nice present for my {who}
occasion: Which occasions is {it} good for | When can I use {it}
price: What would {it} cost | Tell me the price
size: What are the dimensions of {it}
stock: Is {it} still available
authentic: Is {it} an authentic product
describe: Please describe {it} | Describe what you see in the photo
match: Does the picture show {claim} | Would you say this is {claim}
verdict: Is it {claim}? Answer with yes or no
text: What is written there | Which words can you read
absent: What is the colour of the {thing}
presence: Is there {a_thing} in the picture | Can {a_thing} be seen
count: How many products do you see
steak: Can I cook a steak in {it}
""")
